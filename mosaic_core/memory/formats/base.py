"""What the memory formats of other tools share: what a format is, what the caller knows, and paths inside a folder.

A format reads views, one after the other, and a memory is lifted from them; or it writes the views of a memory. What a
file does not say is taken from `Known`, which keeps a sentence about each such thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ...cameras import Camera
from ...cameras.formats import Gaps
from ...errors import FormatError, MosaicError
from ...files import write_atomically
from ...images import bytes_of
from ..memory import Memory
from ..view import View


@dataclass
class Known:
    """What the caller knows beside the files; `None` where he does not. `notes` are sentences for a person."""

    fps: float | None = None
    depth_unit_m: float | None = None  # what one step of a depth map of whole numbers is
    cameras: Path | None = None  # a camera-path file in place of the one beside the images
    notes: list[str] = field(default_factory=list)

    def gaps(self) -> Gaps:
        """The same for the readers of camera paths; their notes go with these."""
        return Gaps(fps=self.fps, notes=self.notes)

    def note(self, sentence: str) -> None:
        """Keep a sentence, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def unit_m(self) -> float:
        """Metres a step of whole-number depth. Raises `FormatError` where nobody stated it."""
        if self.depth_unit_m is None or not (np.isfinite(self.depth_unit_m) and self.depth_unit_m > 0):
            raise FormatError("whole-number depth needs its unit: say how many metres one step is, such as 0.001")
        return self.depth_unit_m


@dataclass(frozen=True)
class MemoryFormat:
    """One format. `lost` says what every export in it leaves out."""

    name: str
    about: str  # one line for a person
    matches: Callable[[Path], bool]  # a quick look; may raise what reading raises
    read: Callable[[Path, Known], Iterator[View]] | None
    write: Callable[[Memory, Path, Known], None]
    lost: tuple[str, ...] = ()


def imported_view(
    camera: Camera,
    rgb: np.ndarray,  # (H, W, 3) uint8
    z_depth: np.ndarray,  # (H, W) float32, inf where unknown
    *,
    name: str,
    time_s: float,
    dynamic: np.ndarray | None = None,  # (H, W) bool
    sky: np.ndarray | None = None,
    object_ids: np.ndarray | None = None,  # (H, W)
) -> View:
    """A view from another program's files. Raises `FormatError` where its parts do not fit together."""
    no = np.zeros((camera.image_height, camera.image_width), bool)
    sky = no if sky is None else sky
    try:
        return View(
            camera=camera,
            rgb=rgb,
            z_depth=np.where(sky, np.float32(np.inf), z_depth) if sky.any() else z_depth,
            object_ids=no.astype(np.int32) if object_ids is None else object_ids,
            dynamic=no if dynamic is None else dynamic,
            sky=sky,
            time_s=time_s,
            name=name,
            source="imported",
        )
    except MosaicError as error:
        raise FormatError(str(error)) from error


def inside(folder: Path, name: str) -> Path:
    """The file of that name in a folder. Raises `FormatError` for a name that leads out of it."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or "\0" in name or len(name) > 500 or path.is_absolute() or ".." in path.parts or ":" in name:
        raise FormatError(f"the file name {name[:80]!r} leads out of its folder")
    return folder / path


def write_file(file: Path, data: bytes) -> None:
    """Write a file atomically, and the folders above it. Raises `FormatError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, data)
    except OSError as error:
        raise FormatError(f"cannot write {file}: {error.strerror or error}") from error


def read_file(file: Path) -> bytes:
    """A file's bytes. Raises `FormatError`."""
    return bytes_of(file)


def one_size(views: Sequence[View], about: str) -> tuple[int, int]:
    """The image size all views share. Raises `FormatError` where there is none."""
    sizes = sorted({(v.camera.image_width, v.camera.image_height) for v in views})
    if len(sizes) != 1:
        raise FormatError(
            f"{about} holds images of one size, got {', '.join(f'{w} x {h}' for w, h in sizes) or 'none'}"
        )
    return sizes[0][1], sizes[0][0]


def lens_of(camera: Camera) -> list[float]:
    """fx, fy, cx, cy in pixels."""
    return camera.intrinsics_px[[0, 1, 0, 1], [0, 1, 2, 2]].tolist()


def finite_or_zero(z_depth: np.ndarray) -> np.ndarray:
    """Depth with 0 where it is unknown, as most programs have it."""
    return np.where(np.isfinite(z_depth), z_depth, np.float32(0))


def numbered(index: int, suffix: str) -> str:
    """`frame_0001.png` for the first."""
    return f"frame_{index + 1:04d}{suffix}"


def number_in(name: str) -> int | None:
    """The last whole number in a file name, `None` where there is none of a sane length."""
    digits = "".join(c if c.isascii() and c.isdigit() else " " for c in PurePosixPath(name).stem).split()
    return int(digits[-1]) if digits and len(digits[-1]) < 16 else None
