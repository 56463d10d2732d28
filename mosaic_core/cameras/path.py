"""`CameraPath`: cameras over time, the drawn trajectory after sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import CameraError
from .camera import Camera

# A day at 24 fps is two million frames: anything above is a mistake, not a shot.
MAX_FRAMES = 1_000_000


@dataclass(frozen=True, eq=False)
class CameraPath:
    """One `Camera` a frame, all of one image size.

    Raises `CameraError` for no frames, frame numbers that do not rise, mixed sizes, or a bad frame rate.
    """

    cameras: tuple[Camera, ...]
    frame_numbers: tuple[int, ...]  # as on the artist's timeline, rising
    fps: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", tuple(self.cameras))
        object.__setattr__(self, "frame_numbers", tuple(int(n) for n in self.frame_numbers))
        if not self.cameras:
            raise CameraError("a camera path needs at least one frame, got none")
        if len(self.cameras) > MAX_FRAMES:
            raise CameraError(f"a camera path holds at most {MAX_FRAMES} frames, got {len(self.cameras)}")
        if len(self.frame_numbers) != len(self.cameras):
            raise CameraError(
                f"a path needs one frame number a camera, got {len(self.frame_numbers)} numbers "
                f"for {len(self.cameras)} cameras"
            )
        pairs = zip(self.frame_numbers, self.frame_numbers[1:], strict=False)
        if any(later <= earlier for earlier, later in pairs):
            raise CameraError("frame numbers must rise along the path")
        sizes = {(c.image_height, c.image_width) for c in self.cameras}
        if len(sizes) > 1:
            raise CameraError(f"all frames of a path share one image size, got {sorted(sizes)}")
        if not (math.isfinite(self.fps) and 0 < self.fps <= 1000):
            raise CameraError(f"fps must lie between 0 and 1000, got {self.fps}")

    @property
    def image_height(self) -> int:
        """Rows of every frame, pixels."""
        return self.cameras[0].image_height

    @property
    def image_width(self) -> int:
        """Columns of every frame, pixels."""
        return self.cameras[0].image_width

    @property
    def duration_s(self) -> float:
        """Time from the first frame to the end of the last."""
        return (self.frame_numbers[-1] - self.frame_numbers[0] + 1) / self.fps

    def time_s(self, index: int) -> float:
        """Seconds from the first frame of the path to frame `index`."""
        return (self.frame_numbers[index] - self.frame_numbers[0]) / self.fps

    def __len__(self) -> int:
        return len(self.cameras)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self.cameras)

    def __getitem__(self, index: int) -> Camera:
        return self.cameras[index]

    def scaled_to(self, *, image_height: int, image_width: int) -> CameraPath:
        """The same path with another number of pixels a frame."""
        cameras = (c.scaled_to(image_height=image_height, image_width=image_width) for c in self)
        return replace(self, cameras=tuple(cameras))
