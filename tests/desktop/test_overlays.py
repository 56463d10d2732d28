"""The overlays in a real window: what is on the screen is what was computed, and what the engine is fed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from harness import FOLDER, SCREEN_HEIGHT
from PIL import Image


@pytest.fixture(scope="module")
def memory_file(blender, tmp_path_factory):
    """A file with the memory of a known room."""
    file = tmp_path_factory.mktemp("memory") / "memory.blend"
    run = blender.run("--python-exit-code", "1", "--python", FOLDER / "make_memory.py", "--", file)
    assert run.returncode == 0, run.stdout + run.stderr
    return file


def on_the_screen(png_file, corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:  # (h, w, 3) in [0, 1]
    """The pixels of a photograph at the middles of a picture's pixels; `corners` TL, TR, BR, BL, y upwards."""
    screen = np.asarray(Image.open(png_file).convert("RGB"), np.float32) / 255
    (left, top), (right, _), _, (_, bottom) = corners
    x = left + (np.arange(shape[1]) + 0.5) / shape[1] * (right - left)
    y = SCREEN_HEIGHT - (top + (np.arange(shape[0]) + 0.5) / shape[0] * (bottom - top))
    return screen[np.floor(y).astype(int)[:, None], np.floor(x).astype(int)[None]]


def even(image: np.ndarray) -> np.ndarray:  # (h, w) bool
    """Pixels like those around: elsewhere a screen pixel's own place between two of them shows."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.abs(np.stack(around) - image).max(axis=(0, 3)) < 0.02


def test_overlays_are_switched_on_and_the_preview_is_what_the_engine_is_fed(blender, memory_file, shots, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(memory_file.parent, project)
    result = blender.play(
        FOLDER / "scenario_overlays.py",
        blend_file=project / memory_file.name,
        folder=tmp_path / "run",
        shots=shots,
        limit_s=540,
    )
    assert not result["error"], result["error"]
    assert "the edit shows in the preview" in result["passed"]
    pictures = {}
    for name in ("preview_1", "preview_later", "preview_before", "preview_after", "preview_undone"):
        told = np.load(tmp_path / "run" / f"{name}.npz")
        image, corners = told["image"][..., :3], told["corners"]
        screen = on_the_screen(shots / f"{name}.png", corners, image.shape[:2])
        off = np.abs(screen - image).max(axis=-1)[even(image)]
        # The screen has 8 bits, and even pixels differ a little from those around.
        assert np.median(off) < 1.5 / 255, f"{name}: the screen shows the readout's own values"
        assert np.quantile(off, 0.98) < 8 / 255, f"{name}: in the right place"
        assert len(off) > 5000
        pictures[name] = screen
    changed = np.abs(pictures["preview_after"] - pictures["preview_before"]).max(axis=-1) > 0.2
    assert 200 < changed.sum() < changed.size / 2, "the moved crate is seen on the screen, and the rest stays"
    assert (np.abs(pictures["preview_undone"] - pictures["preview_before"]).max(axis=-1) < 0.02).mean() > 0.99
