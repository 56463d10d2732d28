"""Images and videos of others as arrays, with the size known before a pixel is decoded. Pillow and PyAV where used."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import FormatError
from .exr import exr_bytes, read_exr
from .files import bytes_of_file

if TYPE_CHECKING:
    from PIL import Image

MAX_FILE_BYTES = 1 << 30
_MAX_PHOTO_PX = 100_000_000  # more than any camera makes; a damaged file may claim anything
# The depth channel of an EXR image, by the names in use; a single channel may have any.
_DEPTH_CHANNELS = ("Z", "depth.Z", "ViewLayer.Depth.Z", "View Layer.Depth.Z", "depth.V", "Y", "R")


def bytes_of(file: Path) -> bytes:
    """A file's bytes. Raises `FormatError` where it is missing, unreadable or absurdly large."""
    try:
        data = bytes_of_file(file, at_most=MAX_FILE_BYTES)
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror or error}") from error
    if data is None:
        raise FormatError(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


def read_rgb(data: bytes, *, image_height: int, image_width: int) -> np.ndarray:  # (H, W, 3) uint8
    """A PNG or JPEG image of 8 bits. Raises `FormatError`, also for one of another size."""
    image = _decoded(data, image_height, image_width)
    return np.asarray(image.convert("RGB"), np.uint8)


def read_any_rgb(data: bytes) -> np.ndarray:  # (H, W, 3) uint8
    """A photograph in any common format and of any size, turned as its camera was held. Raises `FormatError`."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "TIFF", "BMP"))
            if opened.width * opened.height > _MAX_PHOTO_PX:
                raise FormatError(f"a picture of {opened.width} x {opened.height} pixels is too large")
            image = ImageOps.exif_transpose(opened)
            return np.asarray(image.convert("RGB"), np.uint8)
    except UnidentifiedImageError as error:
        raise FormatError("it is no picture") from error
    except (OSError, SyntaxError, ValueError, ArithmeticError, IndexError, KeyError, TypeError, struct.error,
            zlib.error, MemoryError, EOFError, Image.DecompressionBombError) as error:  # fmt: skip
        raise FormatError(f"a damaged picture: {' '.join(str(error).split())[:200]}") from error


def video_size(file: Path) -> tuple[int, int]:
    """Height and width of a video's frames. Raises `FormatError`."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(file), "r") as container:
            if not container.streams.video:
                raise FormatError(f"{file} is no video")
            stream = container.streams.video[0]
            return stream.height, stream.width
    except (FFmpegError, ValueError, OverflowError, MemoryError) as error:
        raise FormatError(f"cannot read the video {file}: {' '.join(str(error).split())[:200]}") from error


def read_mask(data: bytes, *, image_height: int, image_width: int) -> np.ndarray:  # (H, W) bool
    """A PNG image whose pixels are zero or not. Raises `FormatError`."""
    return np.asarray(_decoded(data, image_height, image_width).convert("L")) > 0


def read_integers(data: bytes, *, image_height: int, image_width: int) -> np.ndarray:  # (H, W) uint16
    """A PNG image of one channel of 8 or 16 bits. Raises `FormatError`."""
    image = _decoded(data, image_height, image_width)
    if image.mode not in ("L", "I;16", "I;16B", "I"):
        raise FormatError(f"expected an image of one channel of 16 bits, got {image.mode!r}")
    return np.asarray(image).astype(np.uint16)


def png_bytes(
    image: np.ndarray,  # (H, W, 3) uint8, (H, W) bool or uint16
) -> bytes:
    """A PNG image."""
    from PIL import Image

    buffer = io.BytesIO()
    image = image.astype(np.uint8) * 255 if image.dtype == np.bool_ else image
    # Level 1 is three times faster than the default and ten per cent larger.
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def depth_exr_bytes(z_depth: np.ndarray) -> bytes:  # (H, W) float16 or float32
    """Depth as an EXR image of one channel, `Z`."""
    return exr_bytes({"Z": z_depth})


def read_depth_exr(data: bytes, *, image_height: int, image_width: int) -> np.ndarray:  # (H, W) float32
    """The depth channel of an EXR image; what is not positive and finite is unknown, inf. Raises `FormatError`."""
    channels = read_exr(data)
    name = next((n for n in _DEPTH_CHANNELS if n in channels), next(iter(channels)))
    if len(channels) > 1 and name not in _DEPTH_CHANNELS:
        raise FormatError(f"none of the channels {', '.join(channels)[:80]} is depth: expected one named Z")
    if channels[name].shape != (image_height, image_width):
        height, width = channels[name].shape
        raise FormatError(f"expected depth of {image_width} x {image_height} pixels, got {width} x {height}")
    return known_depth(channels[name])


def known_depth(z_depth: np.ndarray) -> np.ndarray:  # float32
    """Depth in metres with inf for everything that is not a positive finite number, in place where it may be."""
    if not (z_depth.dtype == np.float32 and z_depth.flags.writeable):
        with np.errstate(over="ignore", invalid="ignore"):
            z_depth = z_depth.astype(np.float32)
    z_depth[~((z_depth > 0) & np.isfinite(z_depth))] = np.inf
    return z_depth


def video_frames(file: Path, *, image_height: int, image_width: int) -> Iterator[np.ndarray]:  # (H, W, 3) uint8 each
    """The frames of a video, one at a time. Raises `FormatError`, also for a video of another size."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(file), "r") as container:
            if not container.streams.video:
                raise FormatError(f"{file} is no video")
            for frame in container.decode(container.streams.video[0]):
                if (frame.height, frame.width) != (image_height, image_width):
                    raise FormatError(
                        f"{file} has {frame.width} x {frame.height} pixels, expected {image_width} x {image_height}"
                    )
                yield frame.to_ndarray(format="rgb24")
    except (FFmpegError, ValueError, OverflowError, MemoryError) as error:
        raise FormatError(f"cannot read the video {file}: {' '.join(str(error).split())[:200]}") from error


def _decoded(data: bytes, image_height: int, image_width: int) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a damaged file makes Pillow remark
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
            if image.size == (image_width, image_height):
                image.load()
                return image
    except UnidentifiedImageError as error:
        raise FormatError("it is no PNG or JPEG image") from error
    except (OSError, SyntaxError, ValueError, ArithmeticError, IndexError, KeyError, TypeError, struct.error,
            zlib.error, MemoryError, EOFError, Image.DecompressionBombError) as error:  # fmt: skip
        raise FormatError(f"a damaged image: {' '.join(str(error).split())[:200]}") from error
    raise FormatError(
        f"expected an image of {image_width} x {image_height} pixels, got {image.size[0]} x {image.size[1]}"
    )
