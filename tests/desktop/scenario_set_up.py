"""A computer without any Python for the GPU process: Set Up makes one, for real, and a video comes out of it.

First what goes wrong: Blender may not go online, an artist cancels in the middle, the index cannot be reached. Each
time the panel says why and what to do, and nothing half-made is left. Then all of it, and Generate.
"""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path

import bpy

ADDON = "bl_ext.user_default.mosaic"
NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_TIMEOUT": "3"}
# What may name packages elsewhere than the index.
SOURCES = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "PIP_NO_INDEX")


def worker():
    return bpy.context.window_manager.mosaic_worker


def environment() -> Path:
    return importlib.import_module(f"{ADDON}.preferences").environment_folder()


def scenario(desk):
    prepare()
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    yield from desk.open_sidebar("Mosaic")
    desk.check("MOSAIC_PYTHON" not in os.environ, "no Python is named")
    yield from offline(desk)
    yield from cancelled(desk)
    yield from unreachable(desk)
    yield from made(desk)
    yield from generate(desk)


def prepare() -> None:
    """A camera that moves; the memory is there."""
    scene, settings = bpy.context.scene, bpy.context.scene.mosaic
    camera = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    scene.collection.objects.link(camera)
    camera.rotation_euler = (1.25, 0.0, 0.0)
    for frame in (1, 8):
        camera.location = ((frame - 4) / 4, -5.0, 2.0)
        camera.keyframe_insert("location", frame=frame)
    scene.camera = settings.path_camera = camera
    scene.frame_start, scene.frame_end = 1, 8
    settings.engine, settings.width, settings.height = "tiny", 256, 144
    bpy.ops.ed.undo_push(message="prepared")


def begin(desk):
    yield from desk.click_button("mosaic.set_up(")
    yield from desk.until(lambda: worker().busy or worker().failed, "Set Up begins", limit_s=20)


def ended(desk, limit_s: float):
    yield from desk.until(lambda: not worker().busy, "Set Up ends", limit_s=limit_s)
    yield from desk.wait(0.5)


def offline(desk):
    desk.check(not bpy.app.online_access, "Blender may not go online")
    yield from desk.shot("set_up_1_offline")
    yield from begin(desk)
    yield from ended(desk, 120)
    line = worker().line
    desk.check(worker().failed and "no Python with torch was found" in line, f"it says what is missing ({line})")
    desk.check("allow Online Access" in line, "and what to do")
    yield from desk.shot("set_up_2_why_not")
    _, y = yield from desk.find("mosaic.set_up(")  # the switch is above it; Blender does not tell its path
    yield from desk.click(desk.region("UI").x + 30, y + 24)
    yield from desk.until(lambda: bpy.app.online_access, "a click allows it")


def cancelled(desk):
    yield from begin(desk)
    busy_with = ("Looking for", "Downloading", "Already here", "From the folder", "Unpacking")
    yield from desk.until(
        lambda: worker().line.startswith(busy_with) and environment().is_dir(), "pip runs", limit_s=180
    )
    yield from desk.shot("set_up_3_running")
    yield from desk.click_button("mosaic.cancel_environment(")
    yield from ended(desk, 30)
    desk.check("cancelled" in worker().line, f"Cancel ends it ({worker().line})")
    desk.check(not worker().failed, "which is nobody's failure")
    desk.check(not environment().exists(), "and nothing half-made is left")
    yield from desk.shot("set_up_4_cancelled")


def unreachable(desk):
    kept = {name: os.environ.pop(name, None) for name in (*SOURCES, *NOWHERE)}
    os.environ.update(NOWHERE, PIP_CONFIG_FILE=os.devnull)
    try:
        yield from begin(desk)
        yield from ended(desk, 240)
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    line = worker().line
    desk.check("the package index cannot be reached" in line, f"a dead network is named ({line})")
    desk.check("check the network" in line, "with its remedy")
    desk.check(not environment().exists(), "and nothing half-made is left then either")
    yield from desk.shot("set_up_5_unreachable")


def made(desk):
    started_s, told = time.monotonic(), []
    yield from begin(desk)
    pictures = 0
    while worker().busy:
        line = worker().line
        if not told or told[-1] != line:
            told.append(line)
        if pictures == 0 and ("Downloading" in line or "Unpacking" in line):
            pictures += 1
            yield from desk.shot("set_up_6_progress")
        if time.monotonic() - started_s > 900:
            raise TimeoutError(f"Set Up takes too long: {told[-5:]}")
        yield
    seconds = time.monotonic() - started_s
    desk.check(not worker().failed and worker().line.endswith(": ready"), f"it is made and works: {worker().line}")
    size = sum(file.stat().st_size for file in environment().rglob("*") if file.is_file() and not file.is_symlink())
    desk.check(len({line.split()[0] for line in told}) >= 3, f"the panel told how far it was ({len(told)} lines)")
    desk.check(True, f"it took {seconds:.0f} s and {size / 1e9:.2f} GB")
    yield from desk.shot("set_up_7_ready")


def generate(desk):
    job = bpy.context.window_manager.mosaic_job
    yield from desk.click_button("mosaic.generate(")
    yield from desk.until(lambda: job.running or job.error, "the job starts", limit_s=20)
    yield from desk.until(lambda: not job.running, "the job ends", limit_s=300)
    desk.check(not job.error, f"the job succeeds {job.error}")
    desk.check((Path(job.take_folder) / "clip.mp4").stat().st_size > 3_000, "the video is there")
    yield from desk.wait(0.5)
    yield from desk.shot("set_up_8_video")
