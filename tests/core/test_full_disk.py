"""A disk that really is full: a small file system in memory, mounted for one process alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.memory import Features, load_memory, save_memory

from .known_scenes import camera_at, room_memory


def run_on_small_disk(folder, size_kib: int, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which `$DISK` has so much room. Skips where that needs rights we do not have."""
    disk = folder / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={size_kib}k tmpfs '{disk}' || exit 99"
    command = ["unshare", "--mount", "bash", "-c", f"{mount}\n{script}"]
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here to mount a small disk with")
    environment = {**os.environ, "DISK": str(disk), "PYTHON": sys.executable, "FOLDER": str(folder)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if run.returncode in (1, 99) and ("unshare" in run.stderr or "mount:" in run.stderr):
        pytest.skip("mounting a small disk needs root")
    return run


@pytest.fixture
def folder(tmp_path):
    save_memory(room_memory(), tmp_path / "room.mosaic")
    cameras = tuple(camera_at((x, -4.5, 1.9)) for x in np.linspace(-1, 1, 40))
    save_path(CameraPath(cameras, tuple(range(1, 41)), 24.0), tmp_path / "path.json")
    return tmp_path


@pytest.mark.slow
def test_a_clip_that_does_not_fit_leaves_nothing_and_says_why(folder):
    run = run_on_small_disk(
        folder,
        200,
        '"$PYTHON" -m mosaic_core.cli generate "$FOLDER/room.mosaic" --path "$FOLDER/path.json" --out "$DISK/take"\n'
        'code=$?; echo "left: $(ls -A "$DISK/take")"; exit $code',
    )
    assert run.returncode == 1
    assert "is full: nothing was kept of this clip" in run.stderr and run.stderr.count("\n") == 1
    assert run.stdout.strip() == "left:"


APPEND = """
import sys
from mosaic_core.errors import MosaicError
from mosaic_core.memory import append_memory, load_memory
try:
    append_memory(load_memory(sys.argv[1]), sys.argv[2])
except MosaicError as error:
    sys.exit(f"mosaic: {error}")
"""


def test_an_append_that_does_not_fit_leaves_the_file_as_it_was(folder):
    old = load_memory(folder / "room.mosaic")
    rng = np.random.default_rng(0)
    latents = Features.of(rng.normal(size=(len(old.patches), 200)).astype(np.float32))
    save_memory(old.with_features("tiny", latents), folder / "more.mosaic")
    (folder / "append.py").write_text(APPEND)
    size = os.path.getsize(folder / "room.mosaic")
    run = run_on_small_disk(
        folder,
        size // 1024 + 100,
        'file="$DISK/room.mosaic"; cp "$FOLDER/room.mosaic" "$file"\n'
        '"$PYTHON" -c "$(cat "$FOLDER/append.py")" "$FOLDER/more.mosaic" "$file"\n'
        'code=$?; cp "$file" "$FOLDER/after.mosaic"; exit $code',
    )
    assert run.returncode == 1, run.stderr
    assert "No space left on device" in run.stderr and run.stderr.count("\n") == 1
    assert (folder / "after.mosaic").read_bytes() == (folder / "room.mosaic").read_bytes()


def test_a_memory_that_does_not_fit_leaves_the_old_one_whole(folder):
    size_kib = 2 * os.path.getsize(folder / "room.mosaic") // 1024 - 8  # the old and not quite a second
    run = run_on_small_disk(
        folder,
        size_kib,
        'cp "$FOLDER/room.mosaic" "$DISK/room.mosaic"\n'
        'file="$DISK/room.mosaic"\n'
        '"$PYTHON" -m mosaic_core.cli edit "$file" --object "Red Crate" --delete --out "$file"\n'
        'code=$?; ls -A "$DISK"; cp "$DISK/room.mosaic" "$FOLDER/after.mosaic"; exit $code',
    )
    assert run.returncode == 1
    assert "No space left on device" in run.stderr and run.stderr.count("\n") == 1
    assert run.stdout.split() == ["room.mosaic"], "no half-written file beside it"
    assert load_memory(folder / "after.mosaic").placements.same_as(room_memory().placements)
