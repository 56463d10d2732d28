"""Latent frames from pixels: a chunk's depth, masks and colours brought to the grid of its latents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cameras import Camera
from .depth_pooling import cells_of, pool_depth
from .view import View


def latent_views(
    cameras: Sequence[Camera],  # one a latent, of any image size
    z_depth: np.ndarray,  # (B, H, W) metres, at the resolution the estimator gives it
    *,
    height: int,  # of the latents
    width: int,
    rgb: np.ndarray | None = None,  # (B, H', W', 3) uint8
    sky: np.ndarray | None = None,  # (B, H', W') bool
    dynamic: np.ndarray | None = None,  # (B, H', W') bool
    object_ids: np.ndarray | None = None,  # (B, H', W') int
    valid: np.ndarray | None = None,  # (B, H, W) bool
    times_s: Sequence[float] = (),
    source: str = "generated",
) -> list[View]:
    """One view a latent, a pixel a cell (`View.patch_size_px` = 1). Every plane may have a resolution of its own.

    A cell is dynamic where any of it is, sky where most of it is, and belongs to the object at its middle.
    Raises `MosaicError` for planes that do not fit the cameras.
    """

    def cells(plane: np.ndarray | None) -> np.ndarray:  # (B, h, w, k)
        return cells_of(np.zeros((len(cameras), 1, 1), bool) if plane is None else plane, height, width)

    depth = pool_depth(z_depth, height=height, width=width, valid=valid)
    skies, moving, ids = cells(sky).mean(axis=-1) > 0.5, cells(dynamic).any(axis=-1), cells(object_ids)
    ids = ids[..., ids.shape[-1] // 2].astype(np.int32)
    colours = np.zeros((*depth.shape, 3), np.uint8)
    for channel in range(3):
        colours[..., channel] = cells(None if rgb is None else rgb[..., channel]).mean(axis=-1).round()
    depth[skies] = np.inf
    return [
        View(
            camera=camera.scaled_to(image_height=height, image_width=width),
            rgb=colours[index],
            z_depth=depth[index],
            object_ids=ids[index],
            dynamic=moving[index],
            sky=skies[index],
            time_s=float(times_s[index]) if len(times_s) else 0.0,
            source=source,
            patch_size_px=1,
        )
        for index, camera in enumerate(cameras)
    ]
