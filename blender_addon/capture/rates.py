"""How long a capture will take, by how long the last one with the same renderer took. Kept until Blender closes."""

from __future__ import annotations

from typing import NamedTuple


class Rate(NamedTuple):
    """One finished capture."""

    seconds_a_view: float
    pixels: int


# Before the first capture: what Workbench took for the demo's courtyard on two busy cores without a GPU. The others
# depend on scene and machine too much for a first guess.
_MEASURED: dict[str, Rate] = {"BLENDER_WORKBENCH": Rate(1.9, 640 * 360)}
_last: dict[str, Rate] = {}


def remember(engine: str, *, views: int, pixels: int, seconds: float) -> None:
    """Keep how long a capture of `views` took, so that the next one can be foretold."""
    _last[engine] = Rate(seconds / views, pixels)


def estimate_s(engine: str, *, views: int, pixels: int) -> float | None:
    """Seconds that so many views of so many pixels will take; None where nobody knows."""
    rate = _last.get(engine) or _MEASURED.get(engine)
    if rate is None:
        return None
    # A view costs something whatever its size: half of the measured time, at that size.
    return views * rate.seconds_a_view * (0.5 + 0.5 * pixels / rate.pixels)


def in_words(seconds: float | None) -> str:
    """`about 12 s`, or that the time is not known yet."""
    if seconds is None:
        return "time unknown until this renderer was used once"
    if seconds < 60:
        return f"about {max(1, round(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 3600 else f"about {seconds / 3600:.1f} h"
