"""What goes on while a job runs in a real window: the add-on is disabled, scripts are reloaded, another file is opened.

After each, no process of ours runs, no handler and no timer of ours is left twice, and the next job works.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import bpy

ADDON = "bl_ext.user_default.mosaic"


def workers() -> list[int]:
    """Our GPU processes: children of this Blender that are Pythons with our worker in them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z" and b"mosaic" in command:
            found.append(int(stat.parent.name))
    return found


def handlers() -> dict[str, list[str]]:
    """Our handlers, by list."""
    found = {}
    for name in dir(bpy.app.handlers):
        held = getattr(bpy.app.handlers, name)
        if isinstance(held, list):
            ours = sorted(each.__qualname__ for each in held if ADDON in getattr(each, "__module__", ""))
            found |= {name: ours} if ours else {}
    return found


def ours_in_types() -> list[str]:
    return sorted(name for name in dir(bpy.types) if name.startswith(("MOSAIC_", "Mosaic")))


def scenario(desk):
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    capture(desk)
    blend_file = str(desk.folder / "robust.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend_file)
    enabled, types = handlers(), ours_in_types()
    desk.check(bool(enabled) and bool(types), "the add-on has handlers and types")
    yield from disable_and_enable(desk, enabled, types)
    yield from reload_scripts(desk, enabled, types)
    yield from open_another_file(desk, blend_file, enabled)
    yield from whole_job(desk)


def capture(desk):
    settings = bpy.context.scene.mosaic
    settings.capture_width, settings.capture_height = 160, 90
    settings.width, settings.height, settings.engine = 640, 360, "preview"
    with in_viewport(desk):
        bpy.ops.mosaic.capture()
    desk.check(bpy.context.scene.mosaic.memory is not None, "capture makes a memory")


def in_viewport(desk):
    return bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=desk.region("WINDOW"))


def begin(desk):
    """A job that lasts: a frame at least is there, and the process runs."""
    bpy.context.scene.mosaic.path_camera = bpy.context.scene.camera
    bpy.context.scene.frame_end = 200
    job = bpy.context.window_manager.mosaic_job
    with in_viewport(desk):
        bpy.ops.mosaic.generate("INVOKE_DEFAULT")
    yield from desk.until(lambda: job.frame_file or job.error, "a frame is made", limit_s=180)
    desk.check(not job.error and len(workers()) == 1, f"one process makes frames {job.error}")


def ended(desk, what: str):
    yield from desk.until(lambda: not workers(), f"no process runs after {what}", limit_s=20)
    desk.check(not workers(), f"no process runs after {what}")


def disable_and_enable(desk, enabled, types):
    yield from begin(desk)
    for _ in range(3):
        bpy.ops.preferences.addon_disable(module=ADDON)
        desk.check(handlers() == {} and ours_in_types() == [], "disabled, nothing of it is registered")
        bpy.ops.preferences.addon_enable(module=ADDON)
        desk.check(handlers() == enabled and ours_in_types() == types, "enabled, everything is there once")
    yield from ended(desk, "disabling the add-on")


def reload_scripts(desk, enabled, types):
    yield from begin(desk)
    bpy.ops.script.reload()
    yield from desk.wait(1.0)
    desk.check(handlers() == enabled and ours_in_types() == types, "after Reload Scripts everything is there once")
    yield from ended(desk, "Reload Scripts")
    desk.check(not bpy.context.window_manager.mosaic_job.running, "no job is shown as running")


def open_another_file(desk, blend_file, enabled):
    yield from begin(desk)
    bpy.ops.wm.open_mainfile(filepath=blend_file)
    yield from desk.wait(1.0)
    yield from ended(desk, "opening another file")
    job = bpy.context.window_manager.mosaic_job
    desk.check(not job.running and not job.error and handlers() == enabled, "the other file knows of no job")
    results = importlib.import_module(f"{ADDON}.results")
    desk.check(results.live_thumbnail() == 0, "no picture of it is left")


def whole_job(desk):
    """And a short job works as on the first day."""
    scene = bpy.context.scene
    scene.mosaic.path_camera = scene.camera
    scene.mosaic.width, scene.mosaic.height, scene.frame_end = 160, 90, 2
    job = bpy.context.window_manager.mosaic_job
    with in_viewport(desk):
        bpy.ops.mosaic.generate("INVOKE_DEFAULT")
    yield from desk.until(lambda: job.running or job.error, "the job starts", limit_s=30)
    yield from desk.until(lambda: not job.running, "the job ends", limit_s=180)
    desk.check(not job.error and bool(job.take_folder), f"after all that a job works {job.error}")
