"""Looking at a memory through the overlays: each switched on and photographed, then the live preview compared with
what the engine is fed, scrubbed through, and followed through an edit.

The host compares the photographs with `preview_*.npz`, which are written beside them: readout and place on the screen.
"""

from __future__ import annotations

import importlib
import json
import time

import bpy
import numpy as np

EXTENSION = "bl_ext.user_default.mosaic"
RED_CRATE = 3
CALLS = 50
FRAMES, LATER = 12, 10


def module(name: str):
    return importlib.import_module(f"{EXTENSION}.{name}")


def settings():
    return bpy.context.window_manager.mosaic_view


def at_rest() -> bool:
    supply = module("overlay.supply")
    return not supply.background.busy and not bpy.app.timers.is_registered(supply._tick)


def scenario(desk):
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    yield from prepare(desk)
    yield from overlays(desk)
    yield from costs(desk)
    yield from preview(desk)
    yield from edit(desk)


def prepare(desk):
    """A camera that goes a third of the way round the room, slowly at both ends, to where no view has looked."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.mosaic.width, scene.mosaic.height = 640, 360
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    with bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=desk.region("WINDOW")):
        bpy.ops.mosaic.path_preset(kind="ORBIT", angle=2.2, ease=True)
    scene.camera = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))  # as most scenes have one before the path
    scene.collection.objects.link(scene.camera)
    view = desk.area("VIEW_3D").spaces.active.region_3d
    view.view_distance = 16.0  # from where the cameras are in the picture as well
    yield from desk.wait(0.5)


def overlays(desk):
    """Every switch by itself, with a picture."""
    yield from desk.open_sidebar("Mosaic")
    yield from desk.click_button("mosaic_view.show_path")
    desk.check(settings().show_path, "a click switches the path on")
    yield from desk.move(*desk.centre())
    yield from desk.press("N")
    yield from desk.until(at_rest, "the path is sampled", limit_s=60)
    desk.check(len(module("overlay.show").prepared(bpy.context).lines) == 1, "the path is drawn")
    yield from desk.shot("overlay_path")
    settings().show_path = False
    for name, switch in (("views", "show_frusta"), ("holes", "show_holes")):
        setattr(settings(), switch, True)
        yield from desk.wait(0.5)
        yield from desk.until(at_rest, f"{name} are there", limit_s=120)
        yield from desk.shot(f"overlay_{name}")
        setattr(settings(), switch, False)
    for mode in ("VIEW", "AGE", "SOURCE", "COVERAGE", "CONFIDENCE", "CONFLICTS", "CHANGED"):
        settings().colour_mode = mode
        yield from desk.wait(0.5)
        yield from desk.until(at_rest, f"{mode} is there", limit_s=120)
        legends = module("overlay.show").prepared(bpy.context).legends
        desk.check(bool(legends) and "..." not in legends[0].title, f"{mode} has a legend: {legends[0].title}")
        yield from desk.shot(f"overlay_{mode.lower()}")


def costs(desk):
    """What a redraw of an unchanged scene costs Python, all overlays on."""
    show, times = module("overlay.show"), {}

    def prepared() -> None:
        show.prepared(bpy.context)

    def lines() -> None:
        show.draw_lines()

    def legends() -> None:
        show.draw_legends()

    settings().colour_mode = "COVERAGE"
    settings().show_path = settings().show_frusta = settings().show_holes = True
    yield from desk.wait(0.5)
    yield from desk.until(at_rest, "all overlays are there", limit_s=120)

    def measure() -> None:
        for draw in (prepared, lines, legends):
            started = time.thread_time()
            for _ in range(CALLS):
                draw()
            times[draw.__name__] = (time.thread_time() - started) / CALLS * 1000

    before = show.prepared(bpy.context)
    handle = bpy.types.SpaceView3D.draw_handler_add(measure, (), "WINDOW", "POST_PIXEL")
    desk.area("VIEW_3D").tag_redraw()
    yield from desk.until(lambda: len(times) == 3, "the viewport is drawn")
    bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
    yield from desk.shot("overlay_all")
    desk.check(show.prepared(bpy.context) is before, "an unchanged scene prepares nothing anew")
    segments = sum(len(each) for each in show.prepared(bpy.context).lines)
    (desk.folder / "costs.json").write_text(json.dumps(times | {"segments": segments}), encoding="utf-8")
    settings().show_path = settings().show_frusta = settings().show_holes = False
    settings().colour_mode = "CAPTURED"


def shown(desk):
    preview = module("overlay.readout_preview")
    return preview._last if preview._last is not None and preview._last.is_current else None


def photographed(desk, name):
    """The picture on the screen, and beside it what should be on it and where."""
    frame = bpy.context.scene.frame_current
    for area in desk.window.screen.areas:
        area.tag_redraw()
    yield from desk.until(lambda: shown(desk) and shown(desk).frame == frame, f"frame {frame} is shown", limit_s=90)
    yield from desk.shot(name)
    region, readout = desk.region("WINDOW"), shown(desk).readout
    with bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=region):
        corners = module("overlay.readout_preview").corners_in_region(bpy.context, shown(desk).camera)
    image = module("overlay.readout_preview").display_image(readout)
    corners = np.add(corners, (region.x, region.y))
    np.savez(desk.folder / f"{name}.npz", image=image, covered=readout.covered, corners=corners)
    return readout


def preview(desk):
    scene = bpy.context.scene
    yield from desk.open_sidebar("Mosaic")
    yield from desk.click_button("mosaic_view.show_preview")
    desk.check(settings().show_preview, "a click switches the live preview on")
    yield from desk.shot("preview_hint")
    yield from look_through(desk)
    yield from desk.move(*desk.centre())
    yield from desk.press("N")
    first = yield from photographed(desk, "preview_1")
    desk.check(first.covered.mean() > 0.5, "the first frame is known")
    for _ in range(LATER - 1):
        yield from desk.press("RIGHT_ARROW")
    desk.check(scene.frame_current == LATER, "the arrow keys go through the frames")
    later = yield from photographed(desk, "preview_later")
    desk.check(not np.array_equal(first.values, later.values), "another frame is another picture")
    desk.check(not later.covered.all(), "it has holes")
    yield from desk.until(at_rest, "the other frames are made ahead", limit_s=120)
    held = module("overlay.readout_preview").frames
    desk.check(len(held) == FRAMES, f"all frames of the path are there ({len(held)})")
    started = time.perf_counter()
    scene.frame_set(5)
    module("overlay.readout_preview").shown_now(bpy.context)
    desk.check(time.perf_counter() - started < 1.0, "a frame made ahead is there at once")
    fed = module("memory.read").edited_memory(scene.mosaic.memory)
    engine = importlib.import_module(f"{EXTENSION}.mosaic_core.engines.preview").ENGINE
    path = module("overlay.supply").path_of(scene)
    made = list(engine.frames(fed, path, indices=[0, LATER - 1]))
    same = [np.array_equal(each.rgb, readout.values) for each, readout in zip(made, (first, later), strict=True)]
    desk.check(all(same), "what was shown is what the engine is fed, bit for bit")


def look_through(desk):
    """By the button: in, out, and in again, whatever the scene's camera is."""
    space, scene = desk.area("VIEW_3D").spaces.active, bpy.context.scene
    kept = scene.camera
    for perspective in ("CAMERA", "PERSP", "CAMERA"):
        yield from desk.click_button("mosaic.look_through(")
        yield from desk.wait(0.5)
        desk.check(space.region_3d.view_perspective == perspective, f"Look Through is {perspective}")
    desk.check(space.camera == scene.mosaic.path_camera, "through the path camera")
    desk.check(scene.camera == kept, "and the scene's camera is the one that it was")


def edit(desk):
    """The red crate goes, natively, and so it does from the preview."""
    scene, obj = bpy.context.scene, bpy.context.scene.mosaic.memory
    scene.frame_set(1)
    before = yield from photographed(desk, "preview_before")
    ids = np.zeros(len(obj.data.polygons), np.int32)
    obj.data.attributes["object_id"].data.foreach_get("value", ids)
    bpy.context.view_layer.objects.active = obj
    module("memory.select").set_selection(obj, ids == RED_CRATE)
    yield from desk.move(*desk.centre())
    yield from desk.press("TAB")
    yield from desk.until(lambda: bpy.context.mode == "EDIT_MESH", "Tab enters Edit Mode")
    for key in ("G", "X"):
        yield from desk.press(key)
    yield from desk.write("1.2")
    yield from desk.press("RET")
    yield from desk.wait(0.3)
    after = yield from photographed(desk, "preview_after")
    desk.check(not np.array_equal(before.values, after.values), "the edit shows in the preview")
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(0.5)
    bpy.context.scene.frame_set(1)  # undo has put another scene in its place, at another frame
    again = yield from photographed(desk, "preview_undone")
    desk.check(np.array_equal(before.values, again.values), "undo shows the same bits as before")
    yield from desk.press("TAB")
    yield from desk.wait(0.5)
    yield from desk.until(at_rest, "nothing is done any more", limit_s=120)
    revision = module("overlay.supply").revision()
    yield from desk.wait(1.5)
    desk.check(module("overlay.supply").revision() == revision and at_rest(), "and nothing is done without a change")
