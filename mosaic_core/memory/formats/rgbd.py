"""A plain folder: `rgb/*.png`, `depth/*.exr` or `depth/*.png`, and a camera path.

Depth is along the camera axis: in metres in the channel `Z` of an EXR image, or in a 16-bit PNG image in steps whose
length has to be stated, by the caller or in `depth.json` as `{"metres_per_step": 0.001}`; 0, inf and NaN are unknown.
The cameras are in `cameras.json` (Mosaic's own path file), or in any file or folder that `mosaic path` reads; pictures
belong to frames by the number in their name, or one after the other. Optional masks: `dynamic/*.png`, `sky/*.png`, and
object ids in `objects/*.png` of 16 bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...cameras import CameraPath
from ...cameras.formats import read_path_stating
from ...cameras.path_file import path_to_json
from ...errors import CameraError, FormatError
from ...images import depth_exr_bytes, png_bytes, read_depth_exr, read_integers, read_mask, read_rgb
from ..memory import Memory
from ..view import View
from .base import Known, MemoryFormat, imported_view, number_in, numbered, one_size, read_file, write_file

_PICTURES = (".png", ".jpg", ".jpeg")
_PATHS = ("cameras.json", "transforms.json", "path.json", "camera_path.json", "camera.npz", "w2c.txt", "pose.npz")
_MAX_STEP = 65535


def _matches(place: Path) -> bool:
    return _folder_of_pictures(place) is not None and (place / "depth").is_dir()


def _folder_of_pictures(place: Path) -> Path | None:
    return next((place / n for n in ("rgb", "images", "color") if (place / n).is_dir()), None)


def numbered_files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The images in a folder by the stem of their names, in the order of their numbers."""
    try:
        found = [file for file in folder.iterdir() if file.suffix.lower() in suffixes and file.is_file()]
    except OSError:
        return {}
    return {f.stem: f for f in sorted(found, key=lambda f: (number_in(f.name) is None, number_in(f.name) or 0, f.name))}


def _read(place: Path, known: Known) -> Iterator[View]:
    folder = _folder_of_pictures(place)
    pictures = numbered_files(folder, _PICTURES) if folder else {}
    depths = numbered_files(place / "depth", (".exr", ".png"))
    if not pictures or not depths:
        raise FormatError(f"{place} needs pictures in rgb/ and depth maps in depth/")
    path = _cameras(place, known)
    masks = {name: numbered_files(place / name, (".png",)) for name in ("dynamic", "sky", "objects")}
    for stem, index in frames_of_names(list(pictures), path).items():
        camera = path[index]
        size = {"image_height": camera.image_height, "image_width": camera.image_width}
        if stem not in depths:
            known.note(f"{pictures[stem].name} and other pictures without a depth map are left out")
            continue
        extra = {name: read_mask(read_file(masks[name][stem]), **size)
                 for name in ("dynamic", "sky") if stem in masks[name]}  # fmt: skip
        if stem in masks["objects"]:
            extra["object_ids"] = read_integers(read_file(masks["objects"][stem]), **size).astype(np.int32)
        rgb = read_rgb(read_file(pictures[stem]), **size)
        z_depth = _depth(depths[stem], size, place, known)
        yield imported_view(camera, rgb, z_depth, name=stem, time_s=path.time_s(index), **extra)


def _cameras(place: Path, known: Known) -> CameraPath:
    files = [known.cameras] if known.cameras else [place / name for name in _PATHS if (place / name).exists()]
    if not files:
        raise FormatError(f"{place} holds no cameras: put {_PATHS[0]} there, or name a camera path")
    try:
        return read_path_stating(files[0], gaps=known.gaps()).path
    except CameraError as error:
        raise FormatError(str(error)) from error


def frames_of_names(stems: list[str], path: CameraPath) -> dict[str, int]:
    """Which frame of the path each picture is. Raises `FormatError` where neither numbers nor counts agree."""
    at = {number: index for index, number in enumerate(path.frame_numbers)}
    numbers = [number_in(stem) for stem in stems]
    if all(number in at for number in numbers) and len(set(numbers)) == len(numbers):
        return {stem: at[number] for stem, number in zip(stems, numbers, strict=True) if number is not None}
    if len(stems) != len(path):
        raise FormatError(f"there are {len(stems)} pictures and {len(path)} cameras, and their numbers differ")
    return {stem: index for index, stem in enumerate(stems)}


def _depth(file: Path, size: dict[str, int], place: Path, known: Known) -> np.ndarray:
    if file.suffix.lower() == ".exr":
        return read_depth_exr(read_file(file), **size)
    if known.depth_unit_m is None and (place / "depth.json").is_file():
        known.depth_unit_m = _stated_unit(read_file(place / "depth.json"))
    steps = read_integers(read_file(file), **size)
    return np.where(steps > 0, steps * np.float32(known.unit_m()), np.float32(np.inf))


def _stated_unit(data: bytes) -> float:
    try:
        return float(json.loads(data)["metres_per_step"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise FormatError('depth.json is {"metres_per_step": NUMBER}') from error


def _write(memory: Memory, place: Path, known: Known) -> None:
    views = memory.views
    one_size(views, "a camera path")
    path = CameraPath(tuple(v.camera for v in views), tuple(range(1, len(views) + 1)), known.fps or 24.0)
    write_file(place / "cameras.json", json.dumps(path_to_json(path), indent=1, allow_nan=False).encode())
    if known.depth_unit_m is not None:
        write_file(place / "depth.json", json.dumps({"metres_per_step": known.unit_m()}).encode())
    for index, view in enumerate(views):
        png = numbered(index, ".png")
        write_file(place / "rgb" / png, png_bytes(view.rgb))
        if known.depth_unit_m is None:
            write_file(place / "depth" / numbered(index, ".exr"), depth_exr_bytes(view.z_depth))
        else:
            write_file(place / "depth" / png, png_bytes(_steps(view, known.unit_m())))
        for name in ("dynamic", "sky"):
            if getattr(view, name).any():
                write_file(place / name / png, png_bytes(getattr(view, name)))
        if view.object_ids.any():
            if view.object_ids.max() > _MAX_STEP:
                raise FormatError(f"object ids above {_MAX_STEP} do not fit into 16-bit images")
            write_file(place / "objects" / png, png_bytes(view.object_ids.astype(np.uint16)))


def _steps(view: View, unit_m: float) -> np.ndarray:  # (H, W) uint16
    """Depth in steps, 0 where it is unknown. Raises `FormatError` where it does not fit into 16 bits."""
    steps = np.round(np.where(np.isfinite(view.z_depth), view.z_depth, 0) / np.float64(unit_m))
    if steps.max(initial=0) > _MAX_STEP or (np.isfinite(view.z_depth) & (steps == 0)).any():
        raise FormatError(
            f"view {view.name!r} has depth outside {unit_m:g} .. {_MAX_STEP * unit_m:g} m, which such steps reach"
        )
    return steps.astype(np.uint16)


FORMAT = MemoryFormat(
    "rgbd",
    "folder of RGB and depth images with a camera path",
    _matches,
    _read,
    _write,
    ("names of objects and views are left out", "times of views, patches, features and history are left out"),
)
