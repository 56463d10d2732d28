"""The GPU process as it is shipped, on a small room: the whole way from a shot to a clip on disk."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import mosaic_core
from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.errors import Cancelled, GenerateError
from mosaic_core.generate import Shot, shot_to_json
from mosaic_core.memory import save_memory
from mosaic_core.worker import JobGuard, JobRunner, Phase, run_blocking

from ..core.known_scenes import camera_at, room_memory
from .fake_jobs import process_runs

# All but the import of torch, which takes seconds: what torch is for is tested once.
WITHOUT_TORCH = """
import os
from mosaic_core import VERSION
from mosaic_core.worker.protocol import PROTOCOL_VERSION, WorkerFacts
from mosaic_core.worker.server import main
main(facts=lambda: WorkerFacts(PROTOCOL_VERSION, VERSION, pid=os.getpid()))
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Folder with `memory.mosaic` and `path.json`, 32 x 64 pixels, frames 7 .. 10."""
    folder = tmp_path_factory.mktemp("room")
    save_memory(room_memory(height=32, width=64), folder / "memory.mosaic")
    cameras = tuple(camera_at((x, -5.0, 1.8), height=32, width=64) for x in (-1.5, -0.5, 0.5, 1.5))
    save_path(CameraPath(cameras, (7, 8, 9, 10), 24.0), folder / "path.json")
    return folder


def start(room, tmp_path, *, with_torch=False, memory="memory.mosaic", path="path.json", **options) -> JobRunner:
    shot = Shot(memory_file=room / memory, path_file=room / path, engine="preview")
    return JobRunner(
        sys.executable,
        shot_json=shot_to_json(shot),
        out_dir=tmp_path / "out",
        log_file=tmp_path / "worker.log",
        command=None if with_torch else [sys.executable, "-c", WITHOUT_TORCH],
        guard=JobGuard(),
        **options,
    )


@pytest.mark.slow
def test_a_shot_becomes_a_clip(room, tmp_path):
    pytest.importorskip("torch")
    runner = start(room, tmp_path, with_torch=True)
    seen = []
    clip = run_blocking(runner, seen.append, interval_s=0.01)
    frames = sorted(file.name for file in (tmp_path / "out" / "frames").iterdir())
    assert frames == [f"frame_{number:04d}.png" for number in (7, 8, 9, 10)]
    assert clip["frames_dir"] == str(tmp_path / "out" / "frames")
    assert os.path.getsize(clip["video_file"]) > 0
    with open(clip["manifest_file"], encoding="utf-8") as file:
        assert json.load(file)["frames"] == [7, 8, 9, 10]
    state = runner.state
    assert state.last_frame_file == str(tmp_path / "out" / "frames" / "frame_0010.png")
    assert state.done == state.total == 4 and 0.0 < state.covered_fraction <= 1.0
    assert state.facts.torch_version and state.facts.devices and "preview" in state.facts.engines
    assert not list((tmp_path / "out").glob(".mosaic-partial-*"))
    assert not process_runs(runner.pid)


def test_a_memory_that_is_missing_is_one_sentence(room, tmp_path):
    with pytest.raises(GenerateError, match=r"nowhere\.mosaic") as raised:
        run_blocking(start(room, tmp_path, memory="nowhere.mosaic"), interval_s=0.01)
    assert "Traceback" not in str(raised.value) and "\n" not in str(raised.value)


def test_cancel_leaves_no_half_written_clip(room, tmp_path):
    def press(state):
        if state.done >= 1:
            runner.cancel()

    cameras = (camera_at((0.0, -5.0, 1.8), height=32, width=64),) * 2000
    save_path(CameraPath(cameras, tuple(range(2000)), 24.0), room / "long.json")
    runner = start(room, tmp_path, path="long.json")
    with pytest.raises(Cancelled):
        run_blocking(runner, press, interval_s=0.01)
    assert runner.state.phase is Phase.CANCELLED
    assert not any((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_modules_beside_the_core_are_not_taken_for_packages(room, tmp_path):
    """Regression: the installed extension's folder was on the search path, with `memory`, `jobs` and `cli` in it."""
    pytest.importorskip("torch")
    shutil.copytree(Path(mosaic_core.__file__).parent, tmp_path / "extension" / "mosaic_core")
    (tmp_path / "extension" / "blender_manifest.toml").write_text(f'version = "{mosaic_core.VERSION}"')
    (tmp_path / "extension" / "numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    runner = start(room, tmp_path, with_torch=True, package_root=tmp_path / "extension")
    run_blocking(runner, interval_s=0.01)
    assert runner.state.phase is Phase.DONE
