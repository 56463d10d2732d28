"""Every file reader meets thousands of damaged and hostile files: a result or one of our errors, and nothing else.

The quick tests take a sample; the slow ones make more than 20,000 cases together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, load_path
from mosaic_core.cameras.formats import FORMAT_NAMES, Gaps, read_path
from mosaic_core.cameras.formats.files import FORMATS
from mosaic_core.cameras.path_file import save_path
from mosaic_core.memory import (
    Features,
    append_memory,
    edits,
    load_memory,
    load_placements,
    save_memory,
    save_placements,
)

from .fuzzing import Files, fuzz, mutated_json_bytes, mutated_zip
from .known_scenes import NAMES, RED, camera_at, placements_of, room_memory, view_of
from .test_memory_files import VERSION_1


@dataclass(frozen=True)
class Target:
    """A reader, a valid file for it, and how many cases it gets."""

    read: Callable[[Path], object]
    files: Files
    cases: int
    declared_bytes: int
    inner: Callable | None = None


def small_memory():
    """Two views with an undone and two applied edits."""
    memory = room_memory(((-2.5, -5.0, 1.8), (2.5, -5.0, 1.6)), height=24, width=32)
    red = placements_of(memory, RED)
    memory = memory.edited(edits.translate(red, (0.1, 0, 0)), edits.copy(red, np.eye(4)), edits.hide(red))
    return memory.edited(edits.set_time_range(red, since_s=1.0)).undo()


def small_path() -> CameraPath:
    return CameraPath(tuple(camera_at((x, -4.5, 1.9)) for x in (-1.0, 0.0, 1.0)), (1, 2, 3), 24.0)


def memory_target(folder: Path) -> Target:
    """With features, and two appends."""
    file, memory = folder / "valid.mosaic", small_memory()
    memory = memory.with_features("tiny", Features.of(np.zeros((len(memory.patches), 2)), "bfloat16"))
    save_memory(memory, file)
    memory = memory.with_views([view_of(camera_at((0, -3, 3), height=16, width=16))], NAMES).redo()
    append_memory(memory, file)
    append_memory(memory.with_features("tiny", Features.of(np.zeros((len(memory.patches), 2)), "bfloat16")), file)
    return Target(load_memory, {"": file.read_bytes()}, 2000, 200_000, mutated_zip)


def old_memory_target(_folder: Path) -> Target:
    return Target(load_memory, {"": VERSION_1.read_bytes()}, 1000, 200_000, mutated_zip)


def placements_target(folder: Path) -> Target:
    save_placements(small_memory().placements, folder / "valid.npz")
    return Target(load_placements, {"": (folder / "valid.npz").read_bytes()}, 1500, 50_000, mutated_zip)


def path_file_target(folder: Path) -> Target:
    save_path(small_path(), folder / "valid.json")
    return Target(load_path, {"": (folder / "valid.json").read_bytes()}, 1000, 50_000, mutated_json_bytes)


def path_target(name: str) -> Target:
    files = {key: data for key, data in FORMATS[name].write(small_path()).items() if key in FORMATS[name].members}
    inner = mutated_json_bytes if all(_is_json(data) for data in files.values()) else None
    if all(data.startswith(b"PK") for data in files.values()):
        inner = mutated_zip
    gaps = Gaps(fps=24.0)

    def read(place: Path) -> object:
        return read_path(place, name, gaps=gaps)

    return Target(read, files, 600, 100_000, inner)


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{"


TARGETS: dict[str, Callable[[Path], Target]] = {
    "memory": memory_target,
    "old_memory": old_memory_target,
    "placements": placements_target,
    "path_file": path_file_target,
    **{f"path_{name}": (lambda _folder, name=name: path_target(name)) for name in FORMAT_NAMES},
}


def run(name: str, folder: Path, *, seed: int, share: float) -> None:
    folder.joinpath("valid").mkdir()
    target = TARGETS[name](folder / "valid")
    cases = int(target.cases * share)
    refused = fuzz(
        target.read,
        target.files,
        folder,
        cases=cases,
        seed=seed,
        declared_bytes=target.declared_bytes,
        inner=target.inner,
    )
    assert refused > cases / 4, "mutations that nobody notices test nothing"
    assert sorted(p.name for p in folder.iterdir()) == ["failing", "valid"], "a reader leaves nothing behind"


@pytest.mark.parametrize("name", TARGETS)
def test_some_damaged_files_end_in_our_error_or_a_result(name, tmp_path):
    run(name, tmp_path, seed=1, share=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_many_damaged_files_end_in_our_error_or_a_result(name, tmp_path):
    run(name, tmp_path, seed=2, share=1.0)
