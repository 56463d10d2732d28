"""Run a shot: engine frames in order, each on disk the moment it is made, the rest only when all is well.

Everything is written into a folder of this process, `.mosaic-partial-<pid>`, inside the output folder, and moved into
place at the end, the manifest last. So an earlier clip in the same folder stays whole until the new one is, and a
cancelled or failed run leaves nothing behind.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..cameras import CameraPath, load_path
from ..engines import Engine, EngineFrame, engine_named
from ..errors import Cancelled, GenerateError
from ..exr import exr_bytes
from ..files import sha256_of_file
from ..memory import Memory, load_memory, load_placements
from ..version import VERSION
from ..worker.partial import partial_folder
from .clip import COVERAGE, DEPTH, FRAMES, MANIFEST, VIDEO, Clip, coverage_name, depth_name, frame_name
from .retake import EarlierFrames, earlier_frames
from .shot import Shot, shot_to_json
from .video import VideoWriter, write_png

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class FrameDone:
    """A frame is on disk."""

    index: int  # from 0
    total: int
    frame_number: int  # on the timeline
    rgb_file: Path  # in the partial folder: read it now, it moves when the clip is complete
    covered_fraction: float
    seconds_left: float


GenerateEvent = FrameDone


def generate(
    shot: Shot,
    out_dir: Path,
    *,
    on_event: Callable[[GenerateEvent], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Clip:
    """Make the shot's clip in `out_dir`.

    Raises `Cancelled` once `should_stop()` is true, `MemoryFileError` and `CameraError` for inputs that cannot be used,
    `GenerateError` for a changed memory, an output folder that cannot be written, a full disk.
    """
    out_dir = Path(out_dir)
    started = time.perf_counter()
    memory, path, inputs = _load(shot)
    partial = partial_folder(out_dir, os.getpid())
    try:
        with _Failures(out_dir):
            for name in (FRAMES, COVERAGE, *([DEPTH] if shot.depth else [])):
                (partial / name).mkdir(parents=True)
            loaded = time.perf_counter()
            engine = engine_named(shot.engine)
            earlier = earlier_frames(shot, memory, path, inputs, stand_alone=engine.stand_alone)
            covered = _make_frames(shot, engine, memory, path, earlier, partial, on_event, should_stop)
            manifest = _manifest(shot, path, inputs, covered)
            manifest["taken_over"] = [path.frame_numbers[index] for index in sorted(earlier.covered)]
            manifest["timings_s"] = {
                "load": round(loaded - started, 3),
                "frames": round(time.perf_counter() - loaded, 3),
                "per_frame": round((time.perf_counter() - loaded) / len(path), 4),
            }
            (partial / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            _move_into_place(partial, out_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Clip(out_dir, manifest)


def _load(shot: Shot) -> tuple[Memory, CameraPath, dict[str, Any]]:
    memory = load_memory(shot.memory_file)
    inputs = {"memory": sha256_of_file(shot.memory_file), "path": None, "placements": None, "earlier": None}
    if shot.memory_sha256 is not None and inputs["memory"] != shot.memory_sha256:
        raise GenerateError(f"{shot.memory_file} has changed since the scene was edited: relink the memory")
    path = load_path(shot.path_file)
    inputs["path"] = sha256_of_file(shot.path_file)
    if shot.placements_file is not None:
        memory = memory.with_placements(load_placements(shot.placements_file))
        inputs["placements"] = sha256_of_file(shot.placements_file)
    if shot.earlier_clip is not None and (shot.earlier_clip / MANIFEST).is_file():
        inputs["earlier"] = sha256_of_file(shot.earlier_clip / MANIFEST)
    return memory, path, inputs


def _make_frames(
    shot: Shot,
    engine: Engine,
    memory: Memory,
    path: CameraPath,
    earlier: EarlierFrames,
    partial: Path,
    on_event: Callable[[GenerateEvent], None],
    should_stop: Callable[[], bool],
) -> list[float]:
    """Write every frame and the video; the share of covered pixels of each."""
    covered: list[float] = []
    size = {"image_height": path.image_height, "image_width": path.image_width}
    new = [index for index in range(len(path)) if index not in earlier.covered]
    only = {"indices": new, "kept": earlier.frame} if earlier.covered else {}
    frames = engine.frames(memory, path, prompts=shot.prompts, seed=shot.seed, should_stop=should_stop, **only)
    started = time.perf_counter()
    with VideoWriter(partial / VIDEO, fps=path.fps, **size) as video:
        for index, number in enumerate(path.frame_numbers):
            if should_stop():
                frames.close()
                raise Cancelled("cancelled")
            if index in earlier.covered:
                covered.append(earlier.covered[index])
                video.add(earlier.taken_over(index, partial))
            else:
                frame = next(frames)
                covered.append(float(frame.covered.mean()))
                _write_frame(frame, number, partial, depth=shot.depth)
                video.add(frame.rgb)
            file = partial / FRAMES / frame_name(number)
            left = (time.perf_counter() - started) / (index + 1) * (len(path) - index - 1)
            on_event(FrameDone(index, len(path), number, file, covered[-1], left))
    if should_stop():
        raise Cancelled("cancelled")
    return covered


def _write_frame(frame: EngineFrame, number: int, partial: Path, *, depth: bool) -> None:
    if depth:
        # Channel Y: of one called Z alone, Blender before 5 shows uninitialised memory.
        (partial / DEPTH / depth_name(number)).write_bytes(exr_bytes({"Y": frame.z_depth}, compress=True))
    write_png(frame.covered, partial / COVERAGE / coverage_name(number))
    write_png(frame.rgb, partial / FRAMES / frame_name(number))


def _manifest(shot: Shot, path: CameraPath, inputs: dict[str, Any], covered: list[float]) -> dict[str, Any]:
    import av
    import numpy

    return {
        "format": "mosaic-clip",
        "schema_version": MANIFEST_VERSION,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "shot": shot_to_json(shot),
        "inputs_sha256": inputs,
        "versions": {
            "mosaic": VERSION,
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "av": av.__version__,
        },
        "fps": path.fps,
        "image_height": path.image_height,
        "image_width": path.image_width,
        "frames": list(path.frame_numbers),
        "covered_fraction": [round(share, 5) for share in covered],
    }


def _move_into_place(partial: Path, out_dir: Path) -> None:
    """Swap the finished parts in; the old manifest goes first and the new one comes last, so neither ever lies."""
    (out_dir / MANIFEST).unlink(missing_ok=True)
    for name in (FRAMES, COVERAGE, DEPTH):
        if (out_dir / name).is_dir():
            shutil.rmtree(out_dir / name)
        if (partial / name).is_dir():
            (partial / name).rename(out_dir / name)
    for name in (VIDEO, MANIFEST):
        (partial / name).replace(out_dir / name)


class _Failures:
    """Turns what the operating system says into a sentence about the output folder."""

    def __init__(self, out_dir: Path) -> None:
        self._out_dir = out_dir

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise GenerateError(f"the disk of {self._out_dir} is full: nothing was kept of this clip") from error
        raise GenerateError(f"cannot write to {self._out_dir}: {error.strerror or error}") from error
