"""A memory from one photograph: its depth comes from the depth head, its scale from whoever knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..cameras import Camera
from ..errors import MosaicError
from ..memory import Memory, View
from .depth import DepthHead, estimated_depth

# Larger pictures say no more to a model of 256x144, and take patches by the hundred thousand.
LONGEST_PX = 640


def size_of_photo(file: Path) -> tuple[int, int]:
    """Height and width in pixels. Raises `MosaicError` for a file that is no picture."""
    picture = _opened(file)
    return picture.height, picture.width


def memory_of_photo(
    file: Path,
    camera: Camera,  # of any image size of the photograph's aspect
    head: DepthHead,
    *,
    median_m: float,  # how far away the middle of its pixels is
) -> Memory:
    """A memory of one view. Raises `MosaicError` for a file that is no picture, or not of the camera's shape."""
    if not (np.isfinite(median_m) and median_m > 0):
        raise MosaicError(f"the median depth must be a positive number of metres, got {median_m}")
    picture = _opened(file)
    if abs(picture.width / picture.height - camera.image_width / camera.image_height) > 0.02:
        raise MosaicError(
            f"{file} is {picture.width}x{picture.height}, but its camera is of "
            f"{camera.image_width}x{camera.image_height}: another shape"
        )
    share = min(1.0, LONGEST_PX / max(picture.size))
    size = round(picture.width * share), round(picture.height * share)
    picture = picture.resize(size, resample=1)  # Lanczos
    rgb = np.asarray(picture, np.uint8)
    depth = estimated_depth(head, torch.from_numpy(rgb.astype(np.float32) / 255).permute(2, 0, 1), median_m=median_m)
    z_depth = depth.numpy().astype(np.float32)
    nothing = np.zeros(z_depth.shape, bool)
    view = View(
        camera=camera.scaled_to(image_height=picture.height, image_width=picture.width),
        rgb=rgb,
        z_depth=z_depth,
        object_ids=np.zeros(z_depth.shape, np.int32),
        dynamic=nothing,
        sky=np.isinf(z_depth),
        name=file.stem,
        source="imported",
    )
    return Memory.from_views([view])


def _opened(file: Path) -> Any:  # a Pillow image
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            return opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise MosaicError(f"{file} cannot be read as a picture: {error}") from error
