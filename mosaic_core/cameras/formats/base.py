"""What every camera-path format shares: the shape of a format, what fills a file's gaps, and safe decoding.

A format turns documents into a path and back, where documents are bytes by file name. Nothing in a format touches the
disk, so truncating and mutating files is cheap to test and one place (`formats.files`) opens, limits and writes them.

No format but our own says everything a path needs. A reader asks `Gaps` for the rest, and `Gaps` keeps a record: it is
both what the person is told was assumed, and, reading back what was just written, what the format could not hold.

The world is taken as the file has it. Most formats do not say where up is, and a guess would move every camera.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...conventions import FAR_M, swap_camera_axes
from ...errors import CameraError
from ..camera import Camera
from ..path import MAX_FRAMES, CameraPath

Documents = dict[str, bytes]  # by name inside the format's folder; "" where the format is one file

# Text formats print a few digits: what departs from a rotation by no more than that is made one, the rest refused.
_ROTATION_TOLERANCE = 2e-3


@dataclass
class Gaps:
    """What a file does not say, as the caller knows it; `None` leaves it to a default. Records what was asked for."""

    fps: float | None = None
    image_height: int | None = None
    image_width: int | None = None
    fov_deg: float | None = None  # horizontal
    distance_m: float | None = None  # from the first camera to what it circles
    camera: str | None = None  # which of several cameras in one file
    asked: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def take_fps(self) -> float:
        """The frame rate: 24 unless the caller knows better."""
        fps = 24.0 if self.fps is None else self.fps
        self._note("fps", f"the frame rate is taken to be {fps:g}")
        return fps

    def take_size(self, *, near: tuple[float, float] = (720, 1280)) -> tuple[int, int]:
        """Height and width in pixels; `near` is what the rest of the file suggests."""
        sides = []
        for known, guess in zip((self.image_height, self.image_width), near, strict=True):
            sides.append(round(guess) if known is None else known)
        self._note("image size", f"the image is taken to be {sides[1]} x {sides[0]} pixels")
        return sides[0], sides[1]

    def take_lens(self, *, image_height: int, image_width: int) -> np.ndarray:  # (3, 3)
        """Intrinsics from the caller's field of view, or a focal length of one image width (53 degrees)."""
        fov_deg = math.degrees(2 * math.atan(0.5)) if self.fov_deg is None else self.fov_deg
        if not 0 < fov_deg < 180:
            raise CameraError(f"fov_deg must lie between 0 and 180, got {fov_deg}")
        self._note("lens", f"the horizontal field of view is taken to be {fov_deg:.1f} degrees")
        focal_px = image_width / 2 / math.tan(math.radians(fov_deg) / 2)
        return intrinsics(focal_px, focal_px, image_width / 2, image_height / 2)

    def take_distance(self) -> float:
        """How far the first camera stands from the object: a metre unless the caller knows better."""
        distance_m = 1.0 if self.distance_m is None else self.distance_m
        if not 0 < distance_m < FAR_M:
            raise CameraError(f"the distance to the object must be positive, got {distance_m}")
        self._note("distance", f"the object is taken to be {distance_m:g} m away")
        return distance_m

    def take_numbers(self, count: int) -> tuple[int, ...]:
        """Frame numbers from 1, as the timeline starts."""
        self._note("frame numbers", "frames are numbered from 1")
        return tuple(range(1, count + 1))

    def note(self, sentence: str) -> None:
        """Keep a sentence about something the reader left out."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _note(self, what: str, sentence: str) -> None:
        self.asked.add(what)
        self.note(sentence)


@dataclass(frozen=True)
class Format:
    """One camera-path format. `members` are its files: one named "" or several in a folder."""

    name: str
    about: str  # one line for a person
    matches: Callable[[Documents], bool]
    read: Callable[[Documents, Gaps], CameraPath]
    write: Callable[[CameraPath], Documents]
    members: tuple[str, ...] = ("",)


def intrinsics(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:  # (3, 3)
    """A pinhole's matrix in pixels."""
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)


def camera_of(
    matrix: Any,  # (3, 4) or (4, 4) nested lists or array
    lens: np.ndarray,  # (3, 3) pixels
    size: tuple[int, int],  # height, width
    *,
    inverted: bool = False,  # the matrix is cam_from_world
    opengl: bool = False,  # the matrix is world_from_cam with y up and z backward
) -> Camera:
    """A camera from a file's rigid matrix, its rotation cleaned of the digits a text lost. Raises `CameraError`."""
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape not in ((3, 4), (4, 4)):
        raise CameraError(f"a camera matrix is 3 x 4 or 4 x 4 numbers, got {matrix.shape}")
    if not np.isfinite(matrix).all() or np.abs(matrix[:3]).max() > FAR_M:
        raise CameraError("a camera matrix holds NaN, infinity or a distance beyond a million kilometres")
    if matrix.shape == (4, 4) and not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
        raise CameraError("the last row of a camera matrix is 0 0 0 1: this one may be stored by columns")
    rotation = nearest_rotation(matrix[:3, :3])
    world_from_cam = np.eye(4)
    world_from_cam[:3, :3] = rotation.T if inverted else rotation
    world_from_cam[:3, 3] = -rotation.T @ matrix[:3, 3] if inverted else matrix[:3, 3]
    return Camera(lens, swap_camera_axes(world_from_cam) if opengl else world_from_cam, *size)


def nearest_rotation(
    rotation: np.ndarray,  # (3, 3)
) -> np.ndarray:  # (3, 3)
    """The rotation a rounded one stands for. Raises `CameraError` where there is a scale, a shear or a mirror."""
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _ROTATION_TOLERANCE:
        raise CameraError("a camera matrix must be a rotation and a position, got a scale or a shear")
    u, _, v = np.linalg.svd(rotation)
    if np.linalg.det(u @ v) < 0:
        raise CameraError("a camera matrix must be right-handed, got a mirrored rotation")
    return u @ v


def rotation_of_quaternion(w: float, x: float, y: float, z: float) -> np.ndarray:  # (3, 3)
    """The rotation of a unit quaternion. Raises `CameraError` where its length is not 1."""
    length = math.sqrt(w * w + x * x + y * y + z * z)
    if not abs(length - 1) < 1e-2:
        raise CameraError(f"a rotation's quaternion has length 1, got {length:g}")
    w, x, y, z = w / length, x / length, y / length, z / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of_rotation(
    rotation: np.ndarray,  # (3, 3)
) -> tuple[float, float, float, float]:  # w x y z, w not negative
    """The unit quaternion of a rotation, from the largest of its four parts so that none is divided by nothing."""
    r = rotation
    w2, x2, y2, z2 = (1 + s @ np.diag(r) for s in np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]))
    wx, wy, wz = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    xy, xz, yz = r[0, 1] + r[1, 0], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1]
    rows = np.array([[w2, wx, wy, wz], [wx, x2, xy, xz], [wy, xy, y2, yz], [wz, xz, yz, z2]])
    q = rows[int(np.argmax([w2, x2, y2, z2]))]
    q = q / np.linalg.norm(q) * (-1 if q[0] < 0 else 1)
    return float(q[0]), float(q[1]), float(q[2]), float(q[3])


def json_of(data: bytes) -> Any:
    """The document's JSON. Raises `CameraError`."""
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CameraError(f"it is not valid JSON: {error}") from error


def json_bytes(document: Any) -> bytes:
    """JSON as a file's bytes; a NaN cannot get in, as no camera holds one."""
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()


def lines_of(data: bytes) -> list[str]:
    """The document's lines. Raises `CameraError` for what is no text, or a last line that a cut may have shortened."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CameraError("it is not a text file") from error
    return text.split("\n")


def numbers_of(line: str, count: int) -> list[float]:
    """Exactly `count` finite numbers apart by spaces. Raises `CameraError`."""
    parts = line.split()
    if len(parts) != count:
        raise CameraError(f"a line needs {count} numbers, got {len(parts)}")
    try:
        numbers = [float(part) for part in parts]
    except ValueError as error:
        raise CameraError(f"a line holds something that is not a number: {line.strip()[:60]!r}") from error
    if not all(map(math.isfinite, numbers)):
        raise CameraError("a line holds NaN or infinity")
    return numbers


def text_of(numbers: Sequence[float]) -> str:
    """Numbers apart by spaces, each with all its digits."""
    return " ".join(repr(float(n)) for n in numbers)


def check_count(count: int) -> None:
    """Raise `CameraError` before reading more frames than a path can hold."""
    if not 1 <= count <= MAX_FRAMES:
        raise CameraError(f"a camera path holds 1 .. {MAX_FRAMES} frames, got {count}")
