"""`mosaic demo`, small: the files it promises are there, the edits show in them, and demo.blend opens complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="the add-on tests need the bpy package")
pytest.importorskip("PIL", reason="the contact sheet is drawn with Pillow, which desktop Blender does not have")
if not os.environ.get("MOSAIC_PYTHON"):
    pytest.importorskip("torch", reason="the demonstration runs the GPU process: set MOSAIC_PYTHON or install torch")

from blender_addon import compat  # noqa: E402
from blender_addon.demo.courtyard import EDITS  # noqa: E402
from blender_addon.demo.run import DemoOptions, run_demo  # noqa: E402
from blender_addon.memory.read import placements_from_object  # noqa: E402
from mosaic_core.memory import load_memory  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SMALL = DemoOptions(image_width=160, image_height=90, frames=3, capture_engine="BLENDER_WORKBENCH")


def _frame(folder: Path, number: int) -> np.ndarray:
    from PIL import Image

    with Image.open(folder / "frames" / f"frame_{number:04d}.png") as image:
        return np.asarray(image.convert("RGB")).astype(int)


def _ids_of(memory, name: str) -> np.ndarray:
    number = next(number for number, known in memory.object_names.items() if known == name)
    return np.nonzero(memory.patches.object_id[memory.placements.rows - 1] == number)[0]


@pytest.mark.slow
def test_small_demo_leaves_videos_memory_and_a_complete_blend_file(tmp_path):
    said = []
    files = run_demo(tmp_path / "demo", options=SMALL, say=said.append)
    for name in files.written:
        assert files[name].stat().st_size > 1000, name
    assert any("view 6 of 6" in line for line in said) and said[-1].startswith("Writing")
    changed = np.abs(_frame(files.take(1), 2) - _frame(files.take(2), 2)).max(axis=-1) > 40
    assert 0.02 < changed.mean() < 0.5, "the edits must show, and nothing else may change"

    captured, edited = load_memory(files.captured), load_memory(files["memory.mosaic"])
    by_kind = {edit.kind: edit for edit in EDITS}
    moved = edited.placements.edited_from_captured(_ids_of(edited, by_kind["move"].object_name))
    assert len(moved) and np.allclose(moved[:, :3, 3], by_kind["move"].offset_m, atol=1e-3)
    name = by_kind["copy"].object_name
    assert len(_ids_of(edited, name)) == 2 * len(_ids_of(captured, name))
    assert len(_ids_of(edited, by_kind["delete"].object_name)) == 0

    # Opened somewhere else: everything is found beside the file.
    elsewhere = (tmp_path / "demo").rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "demo.blend"))
    scene = bpy.context.scene
    obj = scene.mosaic.memory
    assert placements_from_object(obj).same_as(edited.placements)
    camera = scene.mosaic.path_camera
    assert camera == scene.camera and camera.constraints
    background = camera.data.background_images[0].image
    assert background.filepath.startswith("//") and Path(bpy.path.abspath(background.filepath)).is_file()
    strips = list(compat.strips_of(scene.sequence_editor))
    assert len(strips) == 1 and strips[0].directory.startswith("//")
    for image in bpy.data.images:
        assert not image.filepath or image.filepath.startswith("//"), image.filepath


def test_demo_says_in_one_sentence_where_it_cannot_write(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = subprocess.run(
        [sys.executable, "-m", "blender_addon.demo", "--out", str(blocked / "demo")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("mosaic demo: cannot write to"), done.stderr
