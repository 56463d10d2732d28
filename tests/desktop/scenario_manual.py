"""The pictures of the manual: every panel of the sidebar by itself, the memory in the viewport, the preferences.

What is shown is the real add-on on a real memory with a real take; nothing is clicked, as the pictures are of what is
there and the tests show that it works. A panel that is added later gets its picture without a change here.
"""

from __future__ import annotations

import contextlib
import os

import bpy

# Panels other than ours would stand between ours; these are turned off while one is pictured.
PREFIX = "MOSAIC_PT_"


def scenario(desk):
    bpy.context.preferences.system.use_region_overlap = False  # or the scene shines through the sidebar
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    yield from desk.press("N")
    yield from desk.until(lambda: desk.region("UI").width > 1, "N opens the sidebar")
    yield from desk.open_sidebar("Mosaic")
    yield from picture_panels(desk, "empty", only=("start",))
    yield from make_a_take(desk)
    yield from picture_panels(desk, "panel")
    yield from picture_german(desk)
    yield from picture_memory(desk)
    yield from picture_preferences(desk)


def in_viewport(desk):
    return bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=desk.region("WINDOW"))


def make_a_take(desk):
    """Capture small, a path, and four real frames."""
    scene, settings = bpy.context.scene, bpy.context.scene.mosaic
    settings.capture_width, settings.capture_height = 320, 180
    with in_viewport(desk):
        bpy.ops.mosaic.capture()
        bpy.ops.mosaic.path_preset(kind="THERE_AND_BACK", distance=1.0)
    settings.width, settings.height, settings.engine = 320, 180, "preview"
    settings.prompt = "a quiet courtyard in the evening"
    scene.frame_end = 4
    job = bpy.context.window_manager.mosaic_job
    with in_viewport(desk):
        bpy.ops.mosaic.generate("INVOKE_DEFAULT")
    yield from desk.until(lambda: job.running or job.error, "the job starts", limit_s=30)
    yield from desk.until(lambda: not job.running, "the job ends", limit_s=300)
    desk.check(not job.error, f"the job succeeds {job.error}")
    scene.frame_end = 24
    with in_viewport(desk):
        settings.memory.select_set(True)
        bpy.context.view_layer.objects.active = settings.memory
        bpy.ops.mosaic.select_object(object_names="Crate Red")


def panels() -> list[type]:
    return [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith(PREFIX)]


def picture_panels(desk, kind: str, *, only: tuple[str, ...] = ()):
    """Each panel with its sub-panels, alone in the sidebar."""
    all_panels = sorted(panels(), key=lambda panel: bool(getattr(panel, "bl_parent_id", "")))
    parents = [panel for panel in all_panels if not getattr(panel, "bl_parent_id", "")]
    for shown in parents:
        name = shown.bl_idname.removeprefix(PREFIX)
        if (only and name not in only) or shown.bl_space_type != "VIEW_3D":
            continue
        if hasattr(shown, "poll") and not shown.poll(bpy.context):
            continue
        hidden = [
            panel
            for panel in all_panels
            if panel is not shown
            and panel.bl_space_type == "VIEW_3D"
            and getattr(panel, "bl_parent_id", "") != shown.bl_idname
        ]
        for panel in reversed(hidden):
            bpy.utils.unregister_class(panel)
        yield from desk.wait(1.0)
        yield from desk.shot(f"{kind}_{name}")
        region = desk.region("UI")
        desk.mark(f"{kind}_{name}", region.x, region.y, region.width, region.height)
        for panel in hidden:
            bpy.utils.register_class(panel)


def picture_german(desk):
    """One panel in German, and back to English."""
    view = bpy.context.preferences.view
    english = view.language
    for name in ("de", "de_DE"):  # as newer and older versions call it
        with contextlib.suppress(TypeError):
            view.language = name
    view.use_translate_interface = view.use_translate_tooltips = True
    yield from picture_panels(desk, "german", only=("edit",))
    view.language = english


def picture_memory(desk):
    """The memory alone, an object of it selected in Edit Mode."""
    with in_viewport(desk):
        bpy.ops.mosaic.show_memory()
    yield from desk.wait(1.0)
    yield from desk.shot("view_memory")
    region = desk.region("WINDOW")
    place = (region.x, region.y, region.width, region.height)
    desk.mark("view_memory", *place)
    with in_viewport(desk):
        bpy.ops.object.mode_set(mode="EDIT")
    yield from desk.wait(1.0)
    yield from desk.shot("view_selected")
    desk.mark("view_selected", *place)
    with in_viewport(desk):
        bpy.ops.object.mode_set(mode="OBJECT")


def picture_preferences(desk):
    """The add-on's preferences, in the viewport's own area: a second window has no fixed place without a desktop."""
    os.environ.pop("MOSAIC_PYTHON")  # the preferences would say that it goes before them
    bpy.context.preferences.addons["bl_ext.user_default.mosaic"].preferences.worker_python = ""  # one machine's
    area = desk.area("VIEW_3D")
    area.type = "PREFERENCES"
    with bpy.context.temp_override(window=desk.window, area=area):
        bpy.ops.mosaic.open_preferences()
    bpy.context.preferences.active_section = "ADDONS"
    yield from desk.move(area.x + area.width // 2, area.y + 20)
    yield from desk.wait(1.5)
    yield from desk.shot("preferences")
    desk.mark("preferences", area.x, area.y, area.width, area.height)
    area.type = "VIEW_3D"
