"""`View`: one observed RGB-D image and everything known about its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..conventions import PATCH_SIZE_PX
from ..errors import MosaicError
from .tone import Tone

SOURCES = ("captured", "imported", "generated")
# Pictures are cut into model tokens; the pixels of a latent frame are such tokens already.
PATCH_SIZES_PX = (PATCH_SIZE_PX, 1)


@dataclass(frozen=True, eq=False)
class View:
    """One observed image, or one latent frame (`patch_size_px` = 1).

    Raises `MosaicError` for arrays whose shapes do not match the camera's image size.
    """

    camera: Camera
    rgb: np.ndarray  # (H, W, 3) uint8, display-referred sRGB, as captured
    z_depth: np.ndarray  # (H, W) float32 metres along the camera axis; unknown and sky = inf
    object_ids: np.ndarray  # (H, W) int32 into Memory.object_names; 0 = no object
    dynamic: np.ndarray  # (H, W) bool, shows something that moves between views
    sky: np.ndarray  # (H, W) bool, infinitely far away
    time_s: float = 0.0
    name: str = ""  # of the camera, or of the file it came from
    source: str = "captured"  # one of SOURCES
    patch_size_px: int = PATCH_SIZE_PX  # side of the cells it is cut into; 1 = a latent frame, a pixel a cell
    world: int = 0  # views of other worlds know nothing about what this one saw (mosaic_core.memory.splice)
    tone: Tone | None = None  # how its colours are shown; the picture itself stays as captured

    def __post_init__(self) -> None:
        size = (self.camera.image_height, self.camera.image_width)
        expected = {
            "rgb": (np.uint8, (*size, 3)),
            "z_depth": (np.float32, size),
            "object_ids": (np.int32, size),
            "dynamic": (np.bool_, size),
            "sky": (np.bool_, size),
        }
        for name, (dtype, shape) in expected.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            if array.shape != shape:
                raise MosaicError(f"view {self.name!r}: {name} must have shape {shape}, got {array.shape}")
            if array.flags.writeable:
                array = array.copy() if array is getattr(self, name) else array
                array.flags.writeable = False
            object.__setattr__(self, name, array)
        check_z_depth(self.z_depth, self.name)
        if self.source not in SOURCES:
            raise MosaicError(f"a view's source is one of {SOURCES}, got {self.source!r}")
        if isinstance(self.patch_size_px, bool) or self.patch_size_px not in PATCH_SIZES_PX:
            raise MosaicError(f"a view's patch_size_px is one of {PATCH_SIZES_PX}, got {self.patch_size_px!r}")
        if isinstance(self.world, bool) or not isinstance(self.world, int) or self.world < 0:
            raise MosaicError(f"a view's world is a number from 0, got {self.world!r}")

    @property
    def valid(self) -> np.ndarray:  # (H, W) bool
        """Pixels whose place in the world is known: finite depth, or sky (a direction at infinity)."""
        return np.isfinite(self.z_depth) | self.sky


def check_z_depth(z_depth: np.ndarray, name: str) -> np.ndarray:
    """The depth itself. Raises `MosaicError` where a pixel is neither positive nor inf."""
    if np.isnan(z_depth).any() or (z_depth <= 0).any():
        raise MosaicError(f"view {name!r}: z_depth must be positive or inf (unknown, sky)")
    return z_depth
