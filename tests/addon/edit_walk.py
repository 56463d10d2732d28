"""A random walk through native and own edits, undo, redo, saves and reloads, checked after every step.

Every step is known by a name and its numbers, drawn from one seed, so a failure is played again with the seed alone; as
each step is checked at once, the steps up to the failing one are the shortest prefix that fails.

What must agree: the placements read from the mesh with the quads themselves, where they are in the world; the hidden
flags with Blender's hidden faces; the overlay's points, which are kept from one change to the next, with the mesh as it
is; and after an undo or a redo, all of it with what was there at that point before, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from mosaic_core.memory import HIDDEN, Memory, Placements
from mosaic_core.memory.quads import has_place, quads_of

# A second pass fits motions to quads that Blender rounds to single precision.
_NEAR_M = 2e-3


@dataclass(frozen=True)
class Seen:
    """What the file says about the memory at one point of the walk."""

    name: str
    mode: str
    placements: Placements
    rows: np.ndarray  # (F,)
    corners_world: np.ndarray  # (F, 4, 3)
    hidden: np.ndarray  # (F,) bool


class Disagreement(AssertionError):
    """Two places that should say the same do not."""


class Walk:
    """One walk; `step` does one random step and checks it."""

    def __init__(self, obj: bpy.types.Object, memory: Memory, *, folder: Path, seed: int) -> None:
        self.name, self.memory, self.folder = obj.name, memory, folder
        self.random = np.random.default_rng(seed)
        self.told: list[str] = []
        self.counts: dict[str, int] = {}
        bpy.ops.ed.undo_push(message="start")
        self.history, self.at = [self.look()], 0

    @property
    def obj(self) -> bpy.types.Object:
        """The memory, found again: undo replaces every datablock."""
        return bpy.data.objects[self.name]

    def step(self) -> None:
        """One random step, done, told and checked. Raises `Disagreement`."""
        names, weights = zip(*_STEPS.items(), strict=True)
        chances = np.array(weights, float) / sum(weights)
        kind = str(self.random.choice(names, p=chances))
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.told.append(kind)
        getattr(self, kind)()

    # -- steps that change the file and end with an undo step

    def select(self) -> None:
        """Select some objects, a view, or scattered patches."""
        count = len(self.look().rows)
        how = int(self.random.integers(3))
        if how == 0 or count == 0:
            names = sorted(self.memory.object_names.values())
            self._own("select_object", object_names=str(self.random.choice(names)))
        elif how == 1:
            self._own("select_view", view=int(self.random.integers(len(self.memory.views))))
        else:
            from blender_addon.memory.select import set_selection

            set_selection(self.obj, self.random.random(count) < 0.1)
            self._done(f"scattered of {count}")

    def own_edit(self) -> None:
        """One of our operators."""
        kind = str(self.random.choice(("move", "rotate", "scale", "duplicate", "hide", "show", "reset")))
        numbers = {
            "move": lambda: {"offset": self._offset()},
            "duplicate": lambda: {"offset": self._offset()},
            "rotate": lambda: {
                "angle": float(self.random.uniform(-2, 2)),
                "axis": str(self.random.choice(list("XYZ"))),
            },
            "scale": lambda: {"factor": float(self.random.uniform(0.8, 1.25))},
        }.get(kind, dict)()
        self._own(kind, **numbers)

    def own_delete(self) -> None:
        """Delete, seldom, or little would be left."""
        self._own("delete")

    def native_edit(self) -> None:
        """One of Blender's, in Edit Mode; the walk stays there if it was there."""
        was_editing = self.obj.mode == "EDIT"
        self._enter("EDIT")
        kind = int(self.random.integers(7))
        steps: list[Callable[[], object]] = [
            lambda: bpy.ops.transform.translate(value=self._offset()),
            lambda: bpy.ops.transform.rotate(value=float(self.random.uniform(-2, 2)), orient_axis="Z"),
            lambda: bpy.ops.transform.resize(value=(float(self.random.uniform(0.8, 1.25)),) * 3),
            bpy.ops.mesh.duplicate,
            lambda: bpy.ops.mesh.hide(unselected=False),
            bpy.ops.mesh.reveal,
            lambda: bpy.ops.mesh.select_random(ratio=0.1, seed=int(self.random.integers(1000))),
        ]
        steps[kind]()
        if not was_editing:
            self._enter("OBJECT")
        self._done(f"native {kind} in {self.obj.mode}")

    def native_delete(self) -> None:
        """Blender's delete of a few faces, through bmesh in Object Mode."""
        import bmesh

        self._enter("OBJECT")
        mesh = bmesh.new()
        mesh.from_mesh(self.obj.data)
        mesh.faces.ensure_lookup_table()
        doomed = [face for face in mesh.faces if self.random.random() < 0.01]
        bmesh.ops.delete(mesh, geom=doomed, context="FACES")
        mesh.to_mesh(self.obj.data)
        mesh.free()
        self.obj.data.update()
        self._done(f"{len(doomed)} faces gone")

    def whole_object(self) -> None:
        """Move the object itself."""
        self._enter("OBJECT")
        self.obj.location = self._offset()
        self.obj.rotation_euler.z = float(self.random.uniform(-1, 1))
        self._done("the object is placed")

    def mode(self) -> None:
        """Into Edit Mode, or out of it; nothing changes by that."""
        before = self.look()
        self._enter("EDIT" if self.obj.mode == "OBJECT" else "OBJECT")
        same_seen(before, self.look(), "a change of mode", mode_too=False)
        self._done(f"now in {self.obj.mode}")

    # -- steps through time

    def undo(self) -> None:
        """One to four undos."""
        for _ in range(min(self.at, int(self.random.integers(1, 5)))):
            bpy.ops.ed.undo()
            self.at -= 1
            self._same_as_then("undo")

    def redo(self) -> None:
        """One to four redos."""
        for _ in range(min(len(self.history) - 1 - self.at, int(self.random.integers(1, 5)))):
            bpy.ops.ed.redo()
            self.at += 1
            self._same_as_then("redo")

    def save_and_reload(self) -> None:
        """Through a file; the steps before can then no longer be undone."""
        from blender_addon.memory import store

        self._enter("OBJECT")
        before = self.look()
        file = str(self.folder / "walk.blend")
        bpy.ops.wm.save_as_mainfile(filepath=file)
        same_seen(before, self.look(), "saving")
        store.forget()
        bpy.ops.wm.open_mainfile(filepath=file)
        same_seen(before, self.look(), "reloading")
        self._begin_anew()

    def append(self) -> None:
        """The object comes from a saved file once more; the walk goes on with that one."""
        self._enter("OBJECT")
        before = self.look()
        file = str(self.folder / f"append_{self.counts['append']}.blend")  # Blender overwrites no file it read from
        bpy.ops.wm.save_as_mainfile(filepath=file, copy=True)
        bpy.data.objects.remove(self.obj)
        with bpy.data.libraries.load(file) as (_there, wanted):
            wanted.objects = [before.name]
        appended = wanted.objects[0]
        bpy.context.scene.collection.objects.link(appended)
        bpy.context.view_layer.objects.active = appended
        self.name = appended.name
        same_seen(before, self.look(), "appending", name_too=False)
        self._done(f"appended as {self.name}")

    # -- how

    def _own(self, operator: str, **numbers: object) -> None:
        try:
            getattr(bpy.ops.mosaic, operator)(**numbers)
        except RuntimeError as error:  # nothing is selected, and the operator says so
            assert "Select some patches first" in str(error), (operator, numbers, error)
        self._done(f"{operator} {numbers} in {self.obj.mode}")

    def _enter(self, mode: str) -> None:
        bpy.context.view_layer.objects.active = self.obj
        if self.obj.mode != mode:
            bpy.ops.object.mode_set(mode=mode)
        if mode == "EDIT":
            bpy.ops.mesh.select_mode(type="FACE")

    def _offset(self) -> tuple[float, float, float]:
        return tuple(self.random.uniform(-1, 1, 3).tolist())

    def _done(self, words: str) -> None:
        self.told[-1] += f": {words}"
        bpy.ops.ed.undo_push(message=self.told[-1][:60])
        del self.history[self.at + 1 :]
        self.history.append(self.look())
        # Blender keeps 32 steps; what is older cannot be undone.
        if len(self.history) > bpy.context.preferences.edit.undo_steps - 2:
            del self.history[0]
        self.at = len(self.history) - 1

    def _begin_anew(self) -> None:
        bpy.ops.ed.undo_push(message="loaded")
        self.history, self.at = [self.look()], 0

    def _same_as_then(self, what: str) -> None:
        then = self.history[self.at]
        self.name = then.name
        now = self.look()
        self.told[-1] += f" to {self.at}"
        same_seen(then, now, what)

    def look(self) -> Seen:
        """What the file says now. Raises `Disagreement` where it contradicts itself."""
        from blender_addon.memory.faces import readable_mesh, values_of
        from blender_addon.memory.read import placements_from_object, world_from_mesh

        obj = self.obj
        placements = placements_from_object(obj, self.memory)
        with readable_mesh(obj) as mesh:
            rows, corners = quads_in(mesh)
            hidden = values_of(mesh, ".hide_poly", "FACE").copy()
        matrix = world_from_mesh(obj)
        corners_world = corners @ matrix[:3, :3].T + matrix[:3, 3]
        check_placements(placements, self.memory, rows=rows, corners_world=corners_world, hidden=hidden)
        if obj.mode == "OBJECT":
            check_overlay(obj)
        return Seen(obj.name, obj.mode, placements, rows, corners_world, hidden)


# How often each step is taken, relative to the others.
_STEPS = {
    "select": 30,
    "own_edit": 34,
    "own_delete": 4,
    "native_edit": 34,
    "native_delete": 5,
    "whole_object": 6,
    "mode": 16,
    "undo": 36,
    "redo": 24,
    "save_and_reload": 7,
    "append": 4,
}


def quads_in(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:  # (F,) rows, (F, 4, 3) corners
    """The faces, read in the plainest way there is."""
    rows = np.array([item.value for item in mesh.attributes["row"].data], int)
    corners = np.array([[mesh.vertices[v].co for v in face.vertices] for face in mesh.polygons], float)
    return rows, corners.reshape(-1, 4, 3)


def check_placements(
    placements: Placements, memory: Memory, *, rows: np.ndarray, corners_world: np.ndarray, hidden: np.ndarray
) -> None:
    """Each placement with a place is one quad of the mesh: the same patch, there, and hidden or not."""
    placed = has_place(memory.patches)[placements.rows - 1]
    table = _sorted(
        placements.rows[placed],
        quads_of(placements, memory.patches)[placed].mean(axis=1),
        (placements.flags[placed] & HIDDEN) != 0,
    )
    faces = _sorted(rows, corners_world.mean(axis=1), hidden)
    if len(table[0]) != len(faces[0]) or not np.array_equal(table[0], faces[0]):
        raise Disagreement(f"{len(table[0])} placements for {len(faces[0])} quads, or of other patches")
    far = np.abs(table[1] - faces[1]).max(initial=0.0)
    if far > _NEAR_M:
        raise Disagreement(f"a placement is {far:.4f} m away from its quad")
    if not np.array_equal(table[2], faces[2]):
        raise Disagreement("other patches are hidden than faces")


def _sorted(rows: np.ndarray, middles: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Copies of a patch are told apart by where they are; a tenth of a millimetre is nearer than two ever are.
    order = np.lexsort((*np.round(middles, 2).T, hidden, rows))
    return rows[order], middles[order], hidden[order]


def check_overlay(obj: bpy.types.Object) -> None:
    """The points the overlay keeps are those of the mesh as it is now."""
    from blender_addon.memory.faces import values_of
    from blender_addon.overlay.source import shown

    kept = shown(obj)
    rows, corners = quads_in(obj.data)
    hidden = values_of(obj.data, ".hide_poly", "FACE")
    face = np.flatnonzero((rows > 0) & ~hidden)
    if not np.array_equal(kept.patches.face, face):
        raise Disagreement(f"the overlay shows {len(kept.patches.face)} patches, the mesh has {len(face)}")
    # The overlay orders corners as in the image, the mesh as the face winds: their middles are the same.
    if np.abs(kept.patches.corners_mesh.mean(axis=1) - corners[face].mean(axis=1)).max(initial=0.0) > 1e-5:
        raise Disagreement("the overlay's points are where the mesh was")
    if not np.array_equal(kept.selected, values_of(obj.data, ".select_poly", "FACE")[face]):
        raise Disagreement("the overlay highlights another selection than the mesh's")


def same_seen(before: Seen, after: Seen, what: str, *, name_too: bool = True, mode_too: bool = True) -> None:
    """Both say the same about the memory. Raises `Disagreement`."""
    if not before.placements.same_as(after.placements):
        raise Disagreement(f"{what} gave other placements")
    for field in ("rows", "corners_world", "hidden"):
        if not np.array_equal(getattr(before, field), getattr(after, field)):
            raise Disagreement(f"{what} gave another mesh ({field})")
    if (name_too and before.name != after.name) or (mode_too and before.mode != after.mode):
        raise Disagreement(f"{what}: {before.name} in {before.mode} became {after.name} in {after.mode}")
