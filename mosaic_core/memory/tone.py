"""`Tone`: how a view's colours are shown, so that worlds with other light or another white balance fit together.

A captured picture is never changed. A view that belongs to a spliced world carries a curve a channel, and whoever reads
colours out of it (`shown_rgb`) goes through the curve; taking the tone away shows the captured colours again. The
curve is a few knots with straight lines between, monotone, so that no two shades change places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MosaicError

KNOTS = 33  # over the 256 levels of a picture: lines between them are within half a level of a gain in linear light


@dataclass(frozen=True, eq=False)
class Tone:
    """A monotone curve a channel, display-referred sRGB in and out. Raises `MosaicError` for anything else."""

    knots: np.ndarray  # (3, KNOTS) float64 in [0, 1], what is shown for the levels 0, 1/32, ..., 1

    def __post_init__(self) -> None:
        knots = np.array(self.knots, dtype=np.float64)
        if knots.shape != (3, KNOTS) or not np.isfinite(knots).all():
            raise MosaicError(f"a tone is {KNOTS} finite numbers for each of three channels, got shape {knots.shape}")
        if (np.diff(knots, axis=1) < 0).any() or knots.min() < 0 or knots.max() > 1:
            raise MosaicError("a tone's curves rise from 0 to 1 at most")
        knots.flags.writeable = False
        object.__setattr__(self, "knots", knots)

    @classmethod
    def of_gain_bias(
        cls,
        gain: np.ndarray,  # (3,) factors in linear light: exposure and white balance
        bias: np.ndarray | float = 0.0,  # (3,) added in linear light: haze
    ) -> Tone:
        """The tone that multiplies and shifts linear light. Raises `MosaicError` where a gain is not positive."""
        gain, bias = np.broadcast_to(gain, 3).astype(np.float64), np.broadcast_to(bias, 3).astype(np.float64)
        if not (np.isfinite(gain).all() and np.isfinite(bias).all() and (gain > 0).all()):
            raise MosaicError(f"a tone's gain is three positive numbers, got {gain.tolist()}")
        light = linear_of_srgb(np.linspace(0, 1, KNOTS))
        return cls(srgb_of_linear(np.clip(gain[:, None] * light + bias[:, None], 0, 1)))

    def apply(
        self,
        rgb: np.ndarray,  # (..., 3) uint8
    ) -> np.ndarray:  # (..., 3) float32 in [0, 1]
        """The colours as shown."""
        tables = np.stack([np.interp(np.arange(256) / 255 * (KNOTS - 1), np.arange(KNOTS), k) for k in self.knots])
        tables = tables.astype(np.float32)
        return np.stack([tables[channel].take(rgb[..., channel]) for channel in range(3)], axis=-1)

    def after(self, first: Tone | None) -> Tone:
        """The tone that shows what `first` shows through this one."""
        if first is None:
            return self
        at = first.knots * (KNOTS - 1)
        return Tone(np.stack([np.interp(a, np.arange(KNOTS), k) for a, k in zip(at, self.knots, strict=True)]))

    def to_json(self) -> list[list[float]]:
        """Plain numbers for a file."""
        return self.knots.tolist()

    @classmethod
    def from_json(cls, numbers: Any) -> Tone:
        """The tone that `to_json` gave. Raises `MosaicError`."""
        try:
            return cls(np.array(numbers, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise MosaicError(f"a tone is {KNOTS} numbers for each of three channels: {error}") from error


def shown_rgb(
    rgb: np.ndarray,  # (..., 3) uint8, as captured
    tone: Tone | None,
) -> np.ndarray:  # (..., 3) float32 in [0, 1]
    """The colours of a view's pixels as they are to be shown."""
    return rgb.astype(np.float32) / 255 if tone is None else tone.apply(rgb)


def linear_of_srgb(values: np.ndarray) -> np.ndarray:
    """Linear light of display-referred sRGB (IEC 61966-2-1)."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def srgb_of_linear(light: np.ndarray) -> np.ndarray:
    """Display-referred sRGB of linear light (IEC 61966-2-1)."""
    light = np.asarray(light, dtype=np.float64)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
