"""Two shots through one memory: listed, queued, made one after another with the sidebar closed, and compared.

The shots are set up beforehand and the panels above Generate are taken away, so that its buttons are found at once.
What is clicked: Generate All, B at the older take, Compare; the rest happens by itself.
"""

from __future__ import annotations

from pathlib import Path

import bpy

ABOVE = ("view", "bookmarks", "path_keys", "path_check", "path", "edit", "memory", "start")


def scenario(desk):
    above = [panel for name in ABOVE if (panel := getattr(bpy.types, f"MOSAIC_PT_{name}", None)) is not None]
    for panel in above:
        bpy.utils.unregister_class(panel)
    try:
        prepare()
        yield from desk.move(*desk.centre())
        yield from desk.press("ESC")
        yield from desk.open_sidebar("Mosaic")
        yield from desk.shot("shots_01_listed")
        yield from queue(desk)
        yield from takes(desk)
        yield from compare(desk)
    finally:
        for panel in reversed(above):
            bpy.utils.register_class(panel)


def add_camera(name: str, x: float) -> bpy.types.Object:
    """A camera that moves sideways in front of the crates."""
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    bpy.context.scene.collection.objects.link(camera)
    camera.rotation_euler = (1.25, 0.0, 0.0)
    for frame in (1, 8):
        camera.location = (x * (frame - 4) / 8, -5.0, 2.0)
        camera.keyframe_insert("location", frame=frame)
    return camera


def prepare() -> None:
    """Two shots from the left and from the right, small and with the engine Preview."""
    scene, settings = bpy.context.scene, bpy.context.scene.mosaic
    scene.frame_start, scene.frame_end = 1, 8
    settings.engine, settings.width, settings.height = "preview", 160, 90
    scene.timeline_markers.new("event(0.5): fog comes up", frame=4)
    scene.timeline_markers.new("event rain", frame=6)
    for name, x in (("From the Left", -1.5), ("From the Right", 1.5)):
        bpy.ops.mosaic.shot_add()
        settings.shots[settings.shot_active].name = name
        settings.path_camera = add_camera(name, x)
    settings.shot_index = 0
    image = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "PROPERTIES")
    image.type = "IMAGE_EDITOR"
    bpy.ops.ed.undo_push(message="shots")
    settings.seed = 5
    bpy.ops.ed.undo_push(message="seed")


def queue(desk):
    wm = bpy.context.window_manager
    yield from desk.click_button("mosaic.queue(all_shots=True")
    yield from desk.until(lambda: len(wm.mosaic_queue.items) == 2, "both shots are queued")
    yield from desk.until(lambda: wm.mosaic_job.frame_file or wm.mosaic_job.error, "frames appear", limit_s=120)
    yield from desk.shot("shots_02_running")
    yield from desk.move(*desk.centre())
    yield from desk.press("N")
    yield from desk.until(lambda: desk.region("UI").width <= 1, "N closes the sidebar")
    yield from desk.press("Z", ctrl=True)
    yield from desk.until(
        lambda: all(item.status in ("DONE", "FAILED") for item in wm.mosaic_queue.items), "the queue ends", limit_s=240
    )
    states = [(item.name, item.status, item.words) for item in wm.mosaic_queue.items]
    desk.check([state[1] for state in states] == ["DONE", "DONE"], f"with the sidebar closed both were made {states}")
    yield from desk.press("N")
    yield from desk.until(lambda: desk.region("UI").width > 1, "N opens the sidebar again")
    yield from desk.wait(0.5)


def takes(desk):
    wm, settings = bpy.context.window_manager, bpy.context.scene.mosaic
    made = [Path(item.words) for item in wm.mosaic_queue.items]
    for folder in made:
        desk.check(len(list((folder / "frames").iterdir())) == 8, f"{folder.name} has its frames")
        desk.check(len(list((folder / "depth").iterdir())) == 8, f"{folder.name} has its depth")
    wm.mosaic_compare.all_shots = True
    yield from desk.shot("shots_03_takes")
    _, y = yield from desk.find("mosaic.choose_take(")
    region = desk.region("UI")
    if y < region.y + 60:  # the next row is to be seen as well
        yield from desk.scroll("WHEELDOWNMOUSE", 4)
        _, y = yield from desk.find("mosaic.choose_take(")
    yield from desk.click(region.x + region.width - 45, y - 20)  # B of the second row, the older take
    yield from desk.until(lambda: wm.mosaic_compare.other == str(made[0]), "B chooses the take to compare with")
    desk.check(settings.shot_index == 0, "the first shot is still the active one")
    bpy.ops.mosaic.choose_take(folder=str(made[1]))
    settings.shot_index = 1
    yield from desk.wait(0.5)


def compare(desk):
    wm = bpy.context.window_manager
    wm.mosaic_compare.mode = "side-by-side"
    with bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=desk.region("UI")):
        result = bpy.ops.mosaic.compare("INVOKE_DEFAULT")
    desk.check(result == {"FINISHED"} and wm.mosaic_compare.running, "the comparison runs beside Blender")
    yield from desk.until(lambda: not wm.mosaic_compare.running, "the comparison ends", limit_s=120)
    desk.check(not wm.mosaic_compare.error, f"it succeeds {wm.mosaic_compare.error}")
    desk.check("8 of 8 frames differ" in wm.mosaic_compare.text, wm.mosaic_compare.text)
    space = desk.area("IMAGE_EDITOR").spaces.active
    desk.check(space.image is not None and space.image.name == "Mosaic Compare", "the Image Editor shows it")
    bpy.context.scene.frame_set(5)
    yield from desk.wait(1.0)
    with bpy.context.temp_override(
        window=desk.window, area=desk.area("IMAGE_EDITOR"), region=desk.region("WINDOW", area="IMAGE_EDITOR")
    ):
        bpy.ops.image.view_all(fit_view=True)
    yield from desk.scroll("WHEELDOWNMOUSE", 60)
    yield from desk.shot("shots_04_compared")
    file = space.image.filepath_from_user(image_user=space.image_user)
    desk.check(Path(file).name == "frame_0005.png", f"at frame 5 it shows {Path(file).name}")
