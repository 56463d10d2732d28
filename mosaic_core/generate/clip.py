"""`Clip`: what a generation leaves behind: frames, a video, and a manifest that says exactly how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

FRAMES = "frames"
COVERAGE = "coverage"
DEPTH = "depth"
VIDEO = "clip.mp4"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Clip:
    """A finished clip on disk."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def frames_dir(self) -> Path:
        """Holds frame_0001.png and so on, numbered as on the timeline."""
        return self.folder / FRAMES

    @property
    def coverage_dir(self) -> Path:
        """Holds coverage_0001.png and so on: white where memory holds the pixel."""
        return self.folder / COVERAGE

    @property
    def depth_dir(self) -> Path:
        """Holds depth_0001.exr and so on, where the shot asked for depth: metres along the axis, inf = unknown."""
        return self.folder / DEPTH

    @property
    def video_file(self) -> Path:
        """The frames as an MP4."""
        return self.folder / VIDEO

    @property
    def manifest_file(self) -> Path:
        """`manifest`, as JSON."""
        return self.folder / MANIFEST


def frame_name(frame_number: int) -> str:
    """The file name of a frame; four digits as Blender writes them, more where the number needs them."""
    return f"frame_{frame_number:04d}.png"


def coverage_name(frame_number: int) -> str:
    """The file name of a frame's coverage mask."""
    return f"coverage_{frame_number:04d}.png"


def depth_name(frame_number: int) -> str:
    """The file name of a frame's depth."""
    return f"depth_{frame_number:04d}.exr"
