"""ViPE's results: `pose.npz`, `intrinsics.npz`, `depth.zip` of EXR images, and the video.

They lie in one folder, as in Mirage's training data, or each in its own (`pose/NAME.npz`, `depth/NAME.zip`,
`rgb/NAME.mp4`, ...), as ViPE leaves them. Axes and lenses are those of `mosaic_core.cameras.formats.vipe`; depth is
along the camera axis, half floats in the channel Z, named by frame number. Frames come from the video, or without its
losses from `frames/*.png` where there are any; both are written. ViPE's masks are not read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from ...cameras import CameraPath
from ...cameras.formats import Gaps, vipe
from ...errors import CameraError, FormatError
from ...exr import read_exr
from ...files import atomic_writer
from ...images import depth_exr_bytes, png_bytes, read_depth_exr, read_rgb, video_frames
from ...zips import DamagedZip, ZipReader
from ..memory import Memory
from ..view import View
from .base import Known, MemoryFormat, finite_or_zero, imported_view, number_in, one_size, read_file, write_file

_MAX_IMAGE_BYTES = 1 << 30
_PARTS = {"pose": (".npz",), "intrinsics": (".npz",), "depth": (".zip",), "rgb": (".mp4",)}
_HALF_MAX = 65504.0


def _part(place: Path, name: str) -> Path | None:
    """`NAME.npz` in the folder, or the only such file in the folder `NAME`."""
    for suffix in _PARTS[name]:
        if (place / f"{name}{suffix}").is_file():
            return place / f"{name}{suffix}"
        if (place / name).is_dir():
            files = sorted((place / name).glob(f"*{suffix}"))
            if len(files) == 1:
                return files[0]
    return place / "clip.mp4" if name == "rgb" and (place / "clip.mp4").is_file() else None


def _matches(place: Path) -> bool:
    return all(_part(place, name) is not None for name in ("pose", "intrinsics", "depth"))


def _read(place: Path, known: Known) -> Iterator[View]:
    files = {name: _part(place, name) for name in _PARTS}
    missing = [name for name in ("pose", "intrinsics", "depth") if files[name] is None]
    if missing or files["depth"] is None:
        raise FormatError(f"{place} has no {missing[0]} of ViPE, or several")
    with _opened(files["depth"]) as depths:
        at = {number_in(name): name for name in depths.names if name.endswith(".exr")}
        if not at:
            raise FormatError("depth.zip holds no EXR images")
        size = _size(depths, at[next(iter(at))])
        path = _path(files, size, known)
        wanted = [index for index, number in enumerate(path.frame_numbers) if number in at]
        if len(wanted) < len(path):
            known.note("frames without depth are left out")
        pictures = _pictures(place, files["rgb"], path, size)
        for index, rgb in zip(range(len(path)), pictures, strict=False):
            if index not in wanted:
                continue
            number, camera = path.frame_numbers[index], path[index]
            z_depth = read_depth_exr(_text(depths, at[number]), image_height=size[0], image_width=size[1])
            yield imported_view(camera, rgb, z_depth, name=f"Frame {number}", time_s=path.time_s(index))


def _opened(file: Path) -> ZipReader:
    try:
        return ZipReader(file)
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror or error}") from error
    except DamagedZip as error:
        raise FormatError(f"{file} is damaged: {error}") from error


def _text(archive: ZipReader, name: str) -> bytes:
    try:
        return archive.blob(name, at_most=_MAX_IMAGE_BYTES)
    except DamagedZip as error:
        raise FormatError(f"{name} is damaged: {error}") from error


def _size(depths: ZipReader, name: str) -> tuple[int, int]:
    height, width = next(iter(read_exr(_text(depths, name)).values())).shape
    return height, width


def _path(files: Mapping[str, Path | None], size: tuple[int, int], known: Known) -> CameraPath:
    documents = {f"{name}.npz": read_file(file) for name in ("pose", "intrinsics") if (file := files[name])}
    gaps = Gaps(fps=known.fps, image_height=size[0], image_width=size[1])
    try:
        path = vipe.FORMAT.read(documents, gaps)
    except CameraError as error:
        raise FormatError(str(error)) from error
    if known.fps is None:
        known.note("the frame rate is taken to be 24")
    return path


def _pictures(place: Path, video: Path | None, path: CameraPath, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """A picture for each frame of the path."""
    stills = {number_in(file.name): file for file in (place / "frames").glob("*.png")}
    if stills:
        for number in path.frame_numbers:
            if number not in stills:
                raise FormatError(f"frames/ has no picture of frame {number}")
            yield read_rgb(read_file(stills[number]), image_height=size[0], image_width=size[1])
        return
    if video is None:
        raise FormatError(f"{place} has neither a video nor pictures in frames/")
    if path.frame_numbers[0] < 0:
        raise FormatError("a video has no frames before its first")
    frames = video_frames(video, image_height=size[0], image_width=size[1])
    at = 0
    for number in path.frame_numbers:
        rgb = next(islice(frames, number - at, None), None)
        if rgb is None:
            raise FormatError(f"the video ends before frame {number}")
        at = number + 1
        yield rgb


def _write(memory: Memory, place: Path, known: Known) -> None:
    views = memory.views
    one_size(views, "ViPE's video")
    path = CameraPath(tuple(v.camera for v in views), tuple(range(len(views))), known.fps or 24.0)
    for name, data in vipe.FORMAT.write(path).items():
        write_file(place / name, data)
    for index, view in enumerate(views):
        write_file(place / "frames" / f"{index:05d}.png", png_bytes(view.rgb))
    try:
        with atomic_writer(place / "depth.zip") as stream, zipfile.ZipFile(stream, "w", compresslevel=1) as archive:
            for index, view in enumerate(views):
                member = zipfile.ZipInfo(f"{index:05d}.exr", (1980, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                depth = finite_or_zero(np.where(view.z_depth > _HALF_MAX, np.inf, view.z_depth))
                archive.writestr(member, depth_exr_bytes(depth.astype(np.float16)))
    except OSError as error:
        raise FormatError(f"cannot write {place / 'depth.zip'}: {error.strerror or error}") from error
    _write_video(views, place / "clip.mp4", path)


def _write_video(views: tuple[View, ...], file: Path, path: CameraPath) -> None:
    from ...generate.video import VideoWriter

    with VideoWriter(file, fps=path.fps, image_height=path.image_height, image_width=path.image_width) as video:
        for view in views:
            video.add(view.rgb.astype(np.float32) / 255)


FORMAT = MemoryFormat(
    "vipe",
    "ViPE's poses, depth and video",
    _matches,
    _read,
    _write,
    (
        "depth is rounded to half floats (a part in two thousand)",
        "object ids and names, and what moves, are left out",
        "sky becomes unknown depth",
        "times of views, patches, features and history are left out",
    ),
)
