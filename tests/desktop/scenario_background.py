"""A capture in a second Blender, in a real window: the same memory as without one, while the artist goes on; and how it
ends when it is stopped, when that Blender dies, and when there is none.

After each no process, folder, handler or datablock of it is left.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from scenario_robust import ADDON, handlers, in_viewport, ours_in_types, workers

TEXT = "import bpy\nbpy.app.driver_namespace['lifted'] = lambda: 0.75\n"


def part(name: str):
    return importlib.import_module(f"{ADDON}.{name}")


def settings():
    return bpy.context.scene.mosaic


def counts() -> dict[str, int]:
    kinds = ("objects", "meshes", "scenes", "cameras", "images", "materials", "collections", "texts")
    return {kind: len(getattr(bpy.data, kind)) for kind in kinds}


def scenario(desk):
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    furnish(desk.folder)
    yield from same_memory(desk)
    settings().capture_every = 2  # long enough to do something meanwhile
    blend_file = str(desk.folder / "background.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend_file)
    enabled, types = handlers(), ours_in_types()
    yield from stopped(desk)
    yield from undone_meanwhile(desk)
    yield from another_mode(desk)
    yield from another_memory(desk)
    yield from killed(desk)
    yield from without_graphics(desk)
    yield from disabled(desk, enabled, types)
    yield from another_file(desk, blend_file)


def furnish(folder: Path) -> None:
    """What lives in this Blender and in no file yet: pixels, a function of drivers, a link, a move, a hidden part."""
    scene = bpy.context.scene
    settings().capture_width, settings().capture_height = 160, 90
    settings().capture_source, settings().capture_every = "ANIMATION", 12
    crate = bpy.data.objects["Crate Red"]
    crate.location.x += 0.4
    crate.keyframe_insert("location", frame=1)
    crate.location.y -= 1.0
    crate.keyframe_insert("location", frame=24)
    for number, source in enumerate(("GENERATED", "FILE")):
        put_up(painted(folder, source), number)
    text = bpy.data.texts.new("lift.py")
    text.write(TEXT)
    text.use_module, sys.modules["lift"] = True, text.as_module()
    driven = bpy.data.objects["Painted GENERATED"]
    driven.driver_add("location", 2).driver.expression = "lifted()"
    link_a_block(folder)
    hidden = bpy.data.collections.new("Not in this layer")
    scene.collection.children.link(hidden)
    hidden.objects.link(bpy.data.objects.new("Hidden", bpy.data.objects["Crate Red"].data))
    bpy.context.view_layer.layer_collection.children[hidden.name].exclude = True


def painted(folder: Path, source: str) -> bpy.types.Image:
    """An image whose pixels are in no file."""
    image = bpy.data.images.new(f"Painted {source}", 16, 16)
    if source == "FILE":
        image.filepath_raw, image.file_format = str(folder / "painted.png"), "PNG"
        image.save()
    image.pixels.foreach_set(np.tile(np.array([0.9, 0.1, 0.7, 1.0], np.float32), 256))
    image.update()
    assert image.is_dirty and image.source == source
    return image


def put_up(image: bpy.types.Image, number: int) -> None:
    """A pane with the image before the cameras."""
    bpy.ops.mesh.primitive_plane_add(size=0.9, location=(0.2 + 1.2 * number, -0.8, 0.2), rotation=(1.4, 0, 0))
    pane, material = bpy.context.object, bpy.data.materials.new(image.name)
    pane.name = image.name
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    material.node_tree.links.new(node.outputs[0], material.node_tree.nodes["Principled BSDF"].inputs[0])
    material.node_tree.nodes.active = node
    pane.data.materials.append(material)


def link_a_block(folder: Path) -> None:
    """An object of another file, named relative to this one."""
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=(2.2, -1.5, 0.3))
    block = bpy.context.object
    block.name = "Linked"
    file = folder / "linked.blend"
    bpy.data.libraries.write(str(file), {block})
    bpy.data.objects.remove(block)
    relative = bpy.path.relpath(str(file)) if bpy.data.filepath else str(file)
    with bpy.data.libraries.load(relative, link=True) as (_, data):
        data.objects = ["Linked"]
    bpy.context.scene.collection.objects.link(data.objects[0])


def in_status_bar() -> int:
    """How many functions of ours draw there."""
    functions = getattr(importlib.import_module("bl_ui.space_statusbar").STATUSBAR_HT_header.draw, "_draw_funcs", [])
    return sum(ADDON in each.__module__ for each in functions)


def begin(desk, *, extend: bool = False):
    """A capture that a second Blender makes, from its start until the artist may go on."""
    with in_viewport(desk):
        bpy.ops.mosaic.capture("INVOKE_DEFAULT", extend=extend)
    run = part("operators.capture_run")
    yield from desk.until(lambda: run.running() is None or run.running().editable, "the artist may go on", limit_s=60)
    desk.check(run.running() is not None and len(workers()) == 1, "one second Blender captures")
    desk.check(in_status_bar() == 1, "the status bar says so")


def captured(desk, before, limit_s: float = 90):
    yield from desk.until(lambda: settings().memory != before, "a memory is captured", limit_s=limit_s)
    yield from gone(desk, "a capture")


def gone(desk, what: str):
    run = part("operators.capture_run")
    yield from desk.until(lambda: not workers() and run.running() is None, f"no process runs after {what}", limit_s=20)
    folders = list(Path(bpy.app.tempdir).glob("mosaic-*"))
    desk.check(in_status_bar() == 0, f"the status bar says nothing after {what}")
    desk.check(not folders, f"no folder is left after {what} {folders}")


def same_memory(desk):
    """The window captures by itself, then a second Blender the same while the artist changes the scene."""
    with in_viewport(desk):
        bpy.ops.mosaic.capture()
    here = settings().memory
    yield from begin(desk)
    crate = bpy.data.objects["Crate Red"]
    crate.animation_data_clear()
    crate.location.z = 3.0
    bpy.data.objects.remove(bpy.data.objects["Painted FILE"])
    yield from captured(desk, here)
    read = part("memory.store").memory_of
    one, other = read(here), read(settings().memory)
    names = dict(one.object_names)
    desk.check(names == dict(other.object_names), "the same objects have the same ids")
    wanted = {"Crate Red", "Painted FILE", "Painted GENERATED", "Linked [linked.blend]"}
    desk.check(wanted <= set(names.values()) and "Hidden" not in names.values(), f"what is shown is there {names}")
    for ours, theirs in zip(one.views, other.views, strict=True):
        desk.check(ours.name == theirs.name and ours.time_s == theirs.time_s, "the views are the same moments")
        for kind in ("rgb", "z_depth", "object_ids", "dynamic", "sky"):
            desk.check(np.array_equal(getattr(ours, kind), getattr(theirs, kind)), f"{kind} has the same bits")
        desk.check(np.array_equal(ours.camera.world_from_cam, theirs.camera.world_from_cam), "so has the camera")
    magenta = sum(
        (np.abs(view.rgb.astype(int) - one.views[0].rgb.mean((0, 1))).sum(-1) > 200).sum() for view in one.views
    )
    desk.check(magenta > 20, "and the painted pixels are seen")
    moves = one.motions.keys() == other.motions.keys() and len(one.motions) > 0
    desk.check(moves and all(one.motions[i].same_as(other.motions[i]) for i in one.motions), "motions are the same")
    desk.check(crate.location.z == 3.0, "what the artist did meanwhile stays")


def stopped(desk):
    before, memory = counts(), settings().memory
    for _ in range(2):
        yield from begin(desk)
        yield from desk.press("ESC")
        yield from gone(desk, "Escape")
        desk.check(settings().memory == memory and counts() == before, "Escape leaves nothing of a capture")
    with in_viewport(desk):
        bpy.ops.mosaic.capture("INVOKE_DEFAULT")
    yield from desk.press("ESC")
    yield from gone(desk, "Escape at once")
    desk.check(settings().memory == memory and counts() == before, "Escape at once leaves nothing either")


def undone_meanwhile(desk):
    """Ctrl-Z makes all of Blender's data anew."""
    memory = settings().memory.name
    crate = bpy.data.objects["Crate Red"]
    bpy.ops.ed.undo_push(message="before")
    crate.location.z = 5.0
    bpy.ops.ed.undo_push(message="moved")
    yield from begin(desk)
    yield from desk.press("Z", ctrl=True)
    yield from desk.until(lambda: bpy.data.objects["Crate Red"].location.z == 3.0, "Ctrl-Z works meanwhile")
    yield from desk.until(lambda: settings().memory.name != memory, "the capture goes on after it", limit_s=90)
    yield from gone(desk, "a capture with Ctrl-Z")
    name = settings().memory.name
    yield from desk.press("Z", ctrl=True)
    yield from desk.until(lambda: name not in bpy.data.objects, "Ctrl-Z takes the memory back, and it alone")
    desk.check(bpy.data.objects["Crate Red"].location.z == 3.0, "the scene stays")


def another_memory(desk):
    """The memory that was to get the views is removed meanwhile: they are a new one."""
    chosen = settings().memory
    yield from begin(desk, extend=True)
    bpy.data.objects.remove(chosen)
    yield from desk.until(lambda: settings().memory is not None, "the views are not lost", limit_s=90)
    yield from gone(desk, "a capture into a memory that is gone")
    views = part("memory.store").memory_of(settings().memory).views
    desk.check(len(views) == 12, "they are a memory of their own")


def another_mode(desk):
    """The artist has gone into Edit Mode: the memory comes when they are back."""
    memory, run = settings().memory, part("operators.capture_run")
    bpy.context.view_layer.objects.active = bpy.data.objects["Crate Red"]
    yield from begin(desk)
    with in_viewport(desk):
        bpy.ops.object.mode_set(mode="EDIT")
    yield from desk.until(lambda: "Object Mode" in run.running().label, "it waits for Object Mode", limit_s=90)
    desk.check(settings().memory == memory, "and changes nothing so far")
    with in_viewport(desk):
        bpy.ops.object.mode_set(mode="OBJECT")
    yield from captured(desk, memory)


def reports(desk) -> str:
    """What Blender's Info editor lists."""
    area = desk.area("OUTLINER")
    area.type = "INFO"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=desk.window, area=area, region=region):
        bpy.ops.info.select_all(action="SELECT")
        bpy.ops.info.report_copy()
    area.type = "OUTLINER"
    return bpy.context.window_manager.clipboard


def killed(desk):
    memory, before, run = settings().memory, counts(), part("operators.capture_run")
    yield from begin(desk)
    os.kill(workers()[0], signal.SIGKILL)
    yield from desk.until(lambda: run.running() is None, "its death ends the capture")
    yield from gone(desk, "its death")
    desk.check(settings().memory == memory and counts() == before, "and changes nothing")
    told = reports(desk)
    desk.check("the second Blender, which captured, was killed (signal 9)" in told, f"the artist is told {told[-400:]}")
    yield from desk.press("ESC")  # the box with the error
    with in_viewport(desk):
        bpy.ops.mosaic.capture("INVOKE_DEFAULT")
    yield from desk.wait(0.3)
    desk.check(not workers() and not run.running().editable, "the next one is made in the window")
    yield from captured(desk, memory)


def without_graphics(desk):
    """No second Blender gets a graphics context: the window does it."""
    memory = settings().memory
    kept = os.environ.pop("DISPLAY")
    os.environ["__EGL_VENDOR_LIBRARY_FILENAMES"] = os.devnull
    try:
        with in_viewport(desk):
            bpy.ops.mosaic.capture("INVOKE_DEFAULT", extend=True)
        views = len(part("memory.store").memory_of(memory).views)
        run = part("operators.capture_run")
        yield from desk.until(lambda: run.running() is None, "without graphics it is captured", limit_s=90)
    finally:
        os.environ["DISPLAY"] = kept
        del os.environ["__EGL_VENDOR_LIBRARY_FILENAMES"]
    yield from gone(desk, "a capture without graphics")
    desk.check(len(part("memory.store").memory_of(memory).views) == 2 * views, "into the memory that was there")


def disabled(desk, enabled, types):
    before = counts()
    yield from begin(desk)
    bpy.ops.preferences.addon_disable(module=ADDON)
    desk.check(handlers() == {} and ours_in_types() == [], "disabled, nothing of it is registered")
    left = workers(), list(Path(bpy.app.tempdir).glob("mosaic-*")), in_status_bar()
    desk.check(left == ([], [], 0), f"and no process is left {left}")
    yield from desk.wait(0.5)
    bpy.ops.preferences.addon_enable(module=ADDON)
    desk.check(handlers() == enabled and ours_in_types() == types, "enabled, everything is there once")
    desk.check(counts() == before, "and nothing of the capture")


def another_file(desk, blend_file: str):
    yield from begin(desk)
    enabled = handlers()
    bpy.ops.wm.open_mainfile(filepath=blend_file)
    yield from desk.wait(1.0)
    yield from gone(desk, "opening another file")
    desk.check(handlers() == enabled, "the handlers are those of before")
    before = settings().memory
    yield from begin(desk)
    yield from captured(desk, before)
    desk.check(settings().memory != before, "in the other file a capture works")
