"""Selecting by meaning: every entry of the panel's menus, and sets that are kept, by mouse and keyboard.

Each time, what is selected is compared with what the memory's file says, worked out here anew.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

EXTENSION = "bl_ext.user_default.mosaic"
FLOOR, WALL, RED, BLUE = 1, 2, 3, 4
FRONT_OF_RED_Y = 0.2  # where make_memory put the crate
LABS_APART, LABS_UNSURE = 8.0, 1.0  # the menu's difference, and how much rounding of colours may decide
LEFT_PX = 45  # from a field's arrow, where the mouse is when a dialog opens, to its number
# The menu "More" from the top: to look at each entry on the way to the last takes seconds.
MORE = ("like(", "connected(", "steps=1", "steps=-1", "INVERT", "time(", "age(", "conflicts(", "keep_set(", "set(")
SET = "left wall"


def part(name: str):
    return importlib.import_module(f"{EXTENSION}.{name}")


def room() -> bpy.types.Object:
    return bpy.data.objects["Room"]


class Known:
    """What the file knows of the patches; of each face, as the placements that were never edited are numbered alike."""

    def __init__(self) -> None:
        memory = part("mosaic_core.memory").load_memory(Path(bpy.data.filepath).with_suffix(".mosaic"))
        rows = np.zeros(len(room().data.polygons), np.int32)
        room().data.attributes["row"].data.foreach_get("value", rows)
        patches = memory.patches.taken(rows - 1)
        self.views = memory.views
        self.view, self.object_id, self.cell_yx = patches.view, patches.object_id, patches.cell_yx
        self.middle = np.asarray(patches.centre_world, np.float64)
        self.time_s = np.array([view.time_s for view in memory.views])[patches.view]
        self.colour = np.round(patches.rgb.astype(np.float64).mean(axis=1))


def lab(srgb: np.ndarray) -> np.ndarray:  # (n, 3) in 0 .. 255
    """CIE L*a*b* by the rounded numbers that textbooks print."""
    share = srgb / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    f = np.cbrt(xyz / (0.9505, 1.0, 1.089))  # the straight piece is for nearly black, which nothing here is
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def selected() -> np.ndarray:  # (F,) bool
    found = np.zeros(len(room().data.polygons), bool)
    room().data.polygons.foreach_get("select", found)
    return found


class Menus:
    """The panel's four menus by place: two above the button "Camera", one at the end of its row."""

    def __init__(self, desk, camera_xy: tuple[int, int]) -> None:
        self._desk, self._camera_xy = desk, camera_xy
        region = desk.region("UI")
        x, y = camera_xy
        self._places = {
            "By Object": (x, y + 20),
            "By View": (region.x + int(0.7 * region.width), y + 20),
            "More": (region.x + int(0.82 * region.width), y),
        }

    def choose(self, menu: str, command: str, *, picture: str = ""):
        """Open a menu and take the entry with that Python command."""
        yield from self._desk.click(*self._places[menu])
        yield from self._desk.wait(0.3)
        if picture:
            yield from self._desk.shot(picture)
        for _ in range(next((number for number, each in enumerate(MORE) if each in command), 0)):
            self._desk.event("DOWN_ARROW", "PRESS")
            self._desk.event("DOWN_ARROW", "RELEASE")
        yield from self._desk.wait(0.1)
        yield from self._desk.pick(command)
        yield from self._desk.wait(0.3)

    def camera(self):
        yield from self._desk.click(*self._camera_xy)
        yield from self._desk.wait(0.3)


def scenario(desk):
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    known = Known()
    add_camera()
    yield from desk.open_sidebar("Mosaic")
    menus = Menus(desk, (yield from desk.find("mosaic.select_frustum(", across=(0.2,))))
    for step in (by_source, by_camera, by_colour, by_surface, by_time, by_age, by_conflict):
        yield from step(desk, menus, known)
    yield from sets(desk, menus, known)


def add_camera() -> None:
    """The scene's camera looks at the left half of the room."""
    camera = bpy.data.objects.new("Looker", bpy.data.cameras.new("Looker"))
    camera.location, camera.rotation_euler = (-3, -4, 2), (1.35, 0, 0.2)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def by_source(desk, menus, known):
    yield from menus.choose("By Object", '"Red Crate"')
    desk.check(np.array_equal(selected(), known.object_id == RED), "By Object selects the crate's patches")
    yield from menus.choose("By View", "view=1")
    desk.check(np.array_equal(selected(), known.view == 1), "By View selects what that view saw")
    yield from menus.choose("More", "INVERT", picture="s01_more")
    desk.check(np.array_equal(selected(), known.view != 1), "Invert selects all others")


def by_camera(desk, menus, known):
    camera = bpy.context.scene.camera
    yield from menus.camera()
    seen = np.array([world_to_camera_view(bpy.context.scene, camera, Vector(point)) for point in known.middle])
    inside = ((seen[:, :2] > 0) & (seen[:, :2] < 1)).all(axis=1) & (seen[:, 2] > 0)
    desk.check(0 < inside.sum() < len(inside), "the camera sees a part")
    # A patch's middle on the screen is its quad's, a hair off that of its pixels.
    rim = np.abs(seen[:, :2] - np.round(seen[:, :2])).min(axis=1) < 0.01
    desk.check(np.array_equal(selected()[~rim], inside[~rim]), "Camera selects what it sees")
    yield from desk.shot("s02_camera")


def by_colour(desk, menus, known):
    yield from menus.choose("By Object", '"Blue Crate"')
    start = selected()
    yield from menus.choose("More", "select_like(")
    apart = lab(known.colour)
    nearest = np.full(len(start), np.inf)
    for colour in np.unique(apart[start], axis=0):
        nearest = np.minimum(nearest, np.linalg.norm(apart - colour, axis=1))
    alike, other = nearest < LABS_APART - LABS_UNSURE, nearest > LABS_APART + LABS_UNSURE
    desk.check(selected()[alike].all() and not selected()[other].any(), "Similar Colours finds the like and no other")
    desk.check(not selected()[np.isin(known.object_id, (FLOOR, RED))].any(), "neither floor nor the red crate is blue")


def by_surface(desk, menus, known):
    """From one patch of the crate's front over its neighbours to the whole front."""
    front = (known.object_id == RED) & (np.abs(known.middle[:, 1] - FRONT_OF_RED_Y) < 0.01)
    off = np.linalg.norm(known.middle - known.middle[front].mean(axis=0), axis=1)
    one = int(np.argmin(np.where(front, off, np.inf)))
    yield from click_patch(desk, known, one)
    desk.check(np.flatnonzero(selected()).tolist() == [one], "a click selects the patch in the middle of the front")
    yield from menus.choose("More", "steps=1")
    grown = selected()
    beside = (known.view == known.view[one]) & (np.abs(known.cell_yx - known.cell_yx[one]).sum(axis=1) == 1) & front
    desk.check(grown[one] and beside.sum() >= 2 and grown[beside].all(), "Grow takes the patches beside it")
    desk.check(not grown[~front].any() and grown.sum() < front.sum(), "and only some of the front")
    yield from menus.choose("More", "steps=1")
    desk.check(selected().sum() > grown.sum() and selected()[grown].all(), "once more, and it is larger")
    yield from menus.choose("More", "steps=-1")
    desk.check(np.array_equal(selected() & grown, grown), "Shrink takes the rim away again")
    yield from menus.choose("More", "select_connected(")
    share = selected()[front].mean()
    desk.check(share > 0.95, f"Connected Surface has the crate's front ({share:.0%} of {front.sum()} patches)")
    desk.check(set(known.object_id[selected()]) == {RED}, "and neither the floor it stands on nor the wall behind")
    yield from desk.shot("s03_connected")


def click_patch(desk, known, face):
    """With the tool, on that patch in the viewport."""
    from bpy_extras.view3d_utils import location_3d_to_region_2d

    region = desk.region("WINDOW")
    with bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=region):
        bpy.ops.wm.tool_set_by_id(name="mosaic.select_tool")
    view = desk.area("VIEW_3D").spaces.active.region_3d
    x, y = location_3d_to_region_2d(region, view, Vector(known.middle[face]))
    yield from desk.wait(0.3)
    yield from desk.click(region.x + x, region.y + y)
    yield from desk.wait(0.4)


def by_time(desk, menus, known):
    """The dialog stands at the memory's own span, which is written over."""
    yield from menus.choose("More", "select_time(")
    yield from fill_in(desk, "0.5", "1.5", picture="s04_time")
    between = (known.time_s >= 0.5) & (known.time_s <= 1.5)
    desk.check(between.any() and np.array_equal(selected(), between), "By Capture Time selects what was seen then")


def by_age(desk, menus, known):
    yield from menus.choose("More", "select_age(")
    yield from fill_in(desk, "1.5", picture="s05_age")
    old = known.time_s.max() - known.time_s >= 1.5
    desk.check(old.any() and np.array_equal(selected(), old), "By Age selects the oldest view's patches")


def fill_in(desk, *numbers, picture):
    """Into the dialog's fields, from the first on, beside whose number the mouse is; the last Enter is OK."""
    x, y = desk.mouse_xy
    yield from desk.click(x - LEFT_PX, y)
    for number in numbers:
        yield from desk.wait(0.3)
        yield from desk.press("A", ctrl=True)
        yield from desk.write(number)
        yield from desk.press("RET" if number is numbers[-1] else "TAB")
    yield from desk.shot(picture)
    yield from desk.press("RET")
    yield from desk.wait(0.4)


def by_conflict(desk, menus, known):
    """The last view finds the blue crate gone: it saw what lies behind."""
    before = selected()
    yield from menus.choose("More", "select_conflicts(")
    yield from desk.until(lambda: not np.array_equal(selected(), before), "a thread finds the conflicts", limit_s=30)
    gone = seen_through(known, view=2)
    found = selected()
    desk.check(gone.sum() > 10 and found[gone].all(), f"Conflicts has what the last view saw through ({gone.sum()})")
    desk.check((known.object_id[found] == BLUE).mean() > 0.8, "and hardly anything that all views agree about")
    desk.check(not np.isin(known.object_id[found], (RED, WALL)).any(), "least of all the other crate")
    yield from desk.shot("s06_conflicts")


def seen_through(known, *, view: int) -> np.ndarray:  # (F,) bool
    """Patches of the blue crate whose place that view clearly looked past, as do all pixels around."""
    uv, z = known.views[view].camera.project(known.middle)
    depth = known.views[view].z_depth
    found = np.zeros(len(z), bool)
    for face in np.flatnonzero((known.object_id == BLUE) & (z > 0)):
        x, y = np.floor(uv[face]).astype(int)
        around = depth[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        found[face] = around.size == 25 and np.nanmin(around) > 1.2 * z[face]
    return found


def sets(desk, menus, known):
    """Kept by name, recalled after another selection, and after the file was saved and opened again."""
    yield from menus.choose("By Object", '"Wall"')
    wall = selected()
    yield from menus.choose("More", "keep_set(")
    yield from desk.shot("s07_keep")
    yield from typed_name(desk)
    desk.check(part("memory.sets").set_names(room()) == [SET], "Keep Selection as Set takes the name that is typed")
    yield from menus.choose("By Object", '"Floor"')
    desk.check(np.array_equal(selected(), known.object_id == FLOOR), "another selection is made")
    yield from menus.choose("More", f'select_set(name="{SET}")', picture="s08_set")
    desk.check(np.array_equal(selected(), wall), "the set's entry selects it again")
    yield from menus.choose("By Object", '"Floor"')
    yield from desk.press("S", ctrl=True)
    yield from desk.until(lambda: not bpy.data.is_dirty, "Ctrl+S saves the file")
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    yield from desk.wait(1.5)
    desk.check(
        np.array_equal(selected(), known.object_id == FLOOR), "the file opens with the selection it was saved with"
    )
    yield from menus.choose("More", f'select_set(name="{SET}")')
    desk.check(np.array_equal(selected(), wall), "the set is there after the file is opened again")
    yield from desk.shot("s09_opened_again")


def typed_name(desk):
    """The dialog's field takes what is typed at once; one Enter ends that, another is OK."""
    yield from desk.write(SET)
    yield from desk.press("RET")
    yield from desk.wait(0.3)
    yield from desk.press("RET")
    yield from desk.wait(0.5)
