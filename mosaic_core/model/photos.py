"""A memory from photographs or a video whose cameras are known: depth from the depth head, brought to one scale.

The head's depth is right up to a scale and a shift of inverse depth that differ from picture to picture. The first
picture's scale is the caller's; every other is aligned to what the first and the last few pictures show to its camera
(`memory.depth_alignment`). Where cameras were is never guessed: pictures without cameras are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..cameras import Camera, CameraPath
from ..errors import MosaicError
from ..images import bytes_of, read_any_rgb, video_frames, video_size
from ..memory import Memory, View
from ..memory.depth_alignment import align_depth
from ..memory.formats.rgbd import frames_of_names, numbered_files
from ..memory.readout import MemoryReader
from .depth import DepthHead, estimated_depth
from .photo import LONGEST_PX

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
# Scales are compared on pictures this wide, with the first picture and so many before.
_ALIGN_PX = 160
_BEFORE = 2


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and the camera that took it."""

    name: str
    rgb: np.ndarray  # (H, W, 3) uint8
    camera: Camera  # of any size of the picture's shape
    time_s: float


def memory_of_pictures(
    pictures: Iterator[Picture],
    head: DepthHead,
    *,
    median_m: float,  # how far away the middle of the first picture's pixels is
    note: Callable[[str], None] = lambda sentence: None,
) -> Memory:
    """A memory of a view a picture, in the pictures' order. Raises `MosaicError` for none."""
    if not (np.isfinite(median_m) and median_m > 0):
        raise MosaicError(f"the median depth must be a positive number of metres, got {median_m}")
    views: list[View] = []
    small: list[View] = []
    for picture in pictures:
        z_depth = _depth_of(picture.rgb, head, median_m)
        thumbnail = _view(picture, z_depth, longest_px=_ALIGN_PX)
        if small:
            reference = Memory.from_views([small[0], *small[1:][-_BEFORE:]])
            shown = MemoryReader(reference).rgb(thumbnail.camera)
            remembered = np.where(shown.covered, shown.z_depth, np.inf)
            try:
                z_depth = align_depth(thumbnail.z_depth, remembered).applied(z_depth)
            except MosaicError:
                note(f"{picture.name} shares too little with the pictures before it: its scale is a guess")
            thumbnail = _view(picture, z_depth, longest_px=_ALIGN_PX)
        small.append(thumbnail)
        views.append(_view(picture, z_depth, longest_px=LONGEST_PX))
    if not views:
        raise MosaicError("there are no pictures with cameras")
    return Memory.from_views(views)


def pictures_with_cameras(place: Path, path: CameraPath, *, every: int = 1) -> tuple[Iterator[Picture], int]:
    """Every so many pictures of a folder or a video with its cameras, and how many those are.

    Pictures belong to frames of the path by the number in their name, or one after the other; frames of a video one
    after the other. Raises `MosaicError` where neither fits.
    """
    if every < 1:
        raise MosaicError(f"pictures are taken every 1 or more, got {every}")
    if place.is_dir():
        files = numbered_files(place, PICTURES)
        if not files:
            raise MosaicError(f"{place} holds no pictures")
        frames = list(frames_of_names(list(files), path).items())[::every]
        return _of_folder(files, frames, path), len(frames)
    return _of_video(place, path, every), -(-len(path) // every)


def _of_folder(files: dict[str, Path], frames: list[tuple[str, int]], path: CameraPath) -> Iterator[Picture]:
    for stem, index in frames:
        rgb = read_any_rgb(bytes_of(files[stem]))
        yield Picture(stem, rgb, _checked(path[index], rgb, stem), path.time_s(index))


def _of_video(file: Path, path: CameraPath, every: int) -> Iterator[Picture]:
    height, width = video_size(file)
    count = 0
    for index, rgb in enumerate(video_frames(file, image_height=height, image_width=width)):
        if index >= len(path):
            break
        count += 1
        if index % every == 0:
            name = f"{file.stem} {path.frame_numbers[index]:04d}"
            yield Picture(name, rgb, _checked(path[index], rgb, file.name), path.time_s(index))
    if count < len(path):
        raise MosaicError(f"{file} has {count} frames and its path {len(path)} cameras: they belong to each other")


def _checked(camera: Camera, rgb: np.ndarray, name: str) -> Camera:
    height, width = rgb.shape[:2]
    if abs(width / height - camera.image_width / camera.image_height) > 0.02:
        wanted = f"{camera.image_width}x{camera.image_height}"
        raise MosaicError(f"{name} is {width}x{height}, but its camera is of {wanted}: another shape")
    return camera


def _depth_of(rgb: np.ndarray, head: DepthHead, median_m: float) -> np.ndarray:  # (H, W) float32
    channels = torch.from_numpy(np.ascontiguousarray(rgb).astype(np.float32) / 255).permute(2, 0, 1)
    return estimated_depth(head, channels, median_m=median_m).numpy().astype(np.float32)


def _view(picture: Picture, z_depth: np.ndarray, *, longest_px: int) -> View:
    """The view, with no more pixels than asked for."""
    from PIL import Image

    height, width = picture.rgb.shape[:2]
    share = min(1.0, longest_px / max(height, width))
    size = max(1, round(height * share)), max(1, round(width * share))
    rows, columns = ((np.arange(n) + 0.5) * m / n for n, m in zip(size, (height, width), strict=True))
    small = Image.fromarray(picture.rgb).resize((size[1], size[0]), resample=1)  # Lanczos
    # The nearest depth, as a mean of two surfaces lies on none.
    depth = z_depth[rows.astype(int)[:, None], columns.astype(int)]
    return View(
        camera=picture.camera.scaled_to(image_height=size[0], image_width=size[1]),
        rgb=np.asarray(small, np.uint8),
        z_depth=depth,
        object_ids=np.zeros(size, np.int32),
        dynamic=np.zeros(size, bool),
        sky=np.isinf(depth),
        time_s=picture.time_s,
        name=picture.name,
        source="imported",
    )
