"""Capturing, one render a step, so that a modal operator can paint between two renders and stop after any of them.

When all are rendered, a thread makes the memory of them, and the steps go on until it has.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from mosaic_core.errors import CaptureError
from mosaic_core.memory import Memory
from mosaic_core.memory.motion import Motion
from mosaic_core.memory.view import View

from ..beside import beside
from .facts import Surfaces, moving_owners
from .motion import motions_of
from .palette import Palette
from .passes import ExactPass, render_exact, render_picture
from .request import CaptureRequest
from .stage import Stage, staged


@dataclass(frozen=True)
class CaptureProgress:
    """Where a capture is: the step named by `label` comes next."""

    done: int  # renders; all of them while the memory is made
    total: int
    label: str
    editable: bool = False  # the artist may change the file before the next step
    remark: str = ""  # what the artist should know of the way it is captured


@dataclass(frozen=True, eq=False)
class _Shot:
    """One view before objects have ids."""

    name: str
    frame: int
    rgb: np.ndarray  # (H, W, 3) uint8
    exact: ExactPass


def capture_memory(context: bpy.types.Context, request: CaptureRequest, *, extend: Memory | None = None) -> Memory:
    """Capture without a break. Raises `CaptureError`, `CameraError`, and `Cancelled` where Escape stopped a render."""
    steps = capture_steps(context, request, extend=extend)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def capture_steps(
    context: bpy.types.Context, request: CaptureRequest, *, extend: Memory | None = None
) -> Generator[CaptureProgress, None, Memory]:
    """Capture render by render; the generator's return value is the new memory, or `extend` with the views added.

    Between two steps the artist's file is as it was before the first, so the generator may be closed after any of
    them. Raises as `capture_memory` does.
    """
    session = _Session(context.scene, context.view_layer.name, request)
    total = 2 * len(request.cameras)
    shots = []
    try:
        with temporary_folder() as folder:
            for index in range(len(request.cameras)):
                name = request.view_name(index)
                yield CaptureProgress(2 * index, total, f"{name}: picture")
                rgb = session.picture(index, folder / f"{index:04d}.png")
                yield CaptureProgress(2 * index + 1, total, f"{name}: depth and objects")
                shots.append(session.shot(index, folder / f"{index:04d}.exr", rgb=rgb))
        made = CaptureProgress(total, total, "making the memory")
        motions = yield from motions_of(session.scene, session.owners(shots), session.surfaces_by_frame, made)
    except ReferenceError as error:
        raise CaptureError("the scene changed while it was captured: start again") from error
    return (yield from beside(lambda: session.memory(shots, motions, extend=extend), made))


class _Session:
    """What the steps of one capture share."""

    def __init__(self, scene: bpy.types.Scene, layer_name: str, request: CaptureRequest) -> None:
        self.scene, self.layer_name, self.request = scene, layer_name, request
        self.palette = Palette(bpy.data.objects)
        self.surfaces_by_frame: dict[int, Surfaces] = {}
        # Read now: `memory` runs beside Blender.
        self.frame_start, self.frame_s = scene.frame_start, scene.render.fps_base / scene.render.fps

    def _staged(self, index: int) -> contextlib.AbstractContextManager[Stage]:
        camera, frame = self.request.cameras[index]
        return staged(
            self.scene,
            self.layer_name,
            camera=camera,
            frame=frame,
            image_height=self.request.image_height,
            image_width=self.request.image_width,
        )

    def picture(self, index: int, file: Path) -> np.ndarray:  # (H, W, 3) uint8
        """The first render of a view."""
        with self._staged(index) as stage:
            return render_picture(stage, file, engine=self.request.engine, samples=self.request.samples)

    def shot(self, index: int, file: Path, *, rgb: np.ndarray) -> _Shot:
        """The second render of a view, and with it all that is known about the picture."""
        frame = self.request.cameras[index][1]
        with self._staged(index) as stage:
            exact = render_exact(
                stage,
                file,
                palette=self.palette,
                like_engine=self.request.engine,
                # Nothing can be seen to move in a single frame.
                with_surfaces=len(self.request.frames) > 1 and frame not in self.surfaces_by_frame,
            )
        if exact.surfaces is not None:
            self.surfaces_by_frame[frame] = exact.surfaces
        return _Shot(self.request.view_name(index), frame, rgb, exact)

    def owners(self, shots: list[_Shot]) -> list[bpy.types.Object]:
        """The objects that were captured."""
        seen = np.unique(np.concatenate([np.unique(shot.exact.indices) for shot in shots]))
        return [self.palette.objects[index - 1] for index in seen if index]

    def memory(self, shots: list[_Shot], motions: dict[str, Motion], *, extend: Memory | None) -> Memory:
        """All shots as views of one memory; object ids are shared among them and, when extending, with the old.

        Asks nothing of Blender.
        """
        if not any(np.isfinite(shot.exact.z_depth).any() for shot in shots):
            raise CaptureError("the cameras see no object: turn them to the scene or check what is renderable")
        seen = np.unique(np.concatenate([np.unique(shot.exact.indices) for shot in shots]))
        names = {int(index): self.palette.name_of(index) for index in seen if index}
        ids = _ids_of_names(names.values(), extend.object_names if extend else {})
        moving = moving_owners(list(self.surfaces_by_frame.values())) | motions.keys()
        # Tables by palette number: one gather each turns the render into ids and flags.
        id_of_index = np.zeros(len(self.palette.objects) + 1, dtype=np.int32)
        moves = np.zeros(len(id_of_index), dtype=bool)
        for index, name in names.items():
            id_of_index[index], moves[index] = ids[name], name in moving
        views = [self._view(shot, id_of_index, moves) for shot in shots]
        object_names = {ids[name]: name for name in names.values()}
        memory = extend.with_views(views, object_names) if extend else Memory.from_views(views, object_names)
        return memory.with_motions({ids[name]: motion for name, motion in motions.items()})

    def _view(self, shot: _Shot, id_of_index: np.ndarray, moves: np.ndarray) -> View:
        exact = shot.exact
        return View(
            camera=exact.camera,
            rgb=shot.rgb,
            z_depth=exact.z_depth,
            object_ids=id_of_index[exact.indices],
            dynamic=moves[exact.indices],
            sky=exact.sky,
            time_s=(shot.frame - self.frame_start) * self.frame_s,
            name=shot.name,
            source="captured",
        )


def _ids_of_names(names: Iterable[str], known: Mapping[int, str]) -> dict[str, int]:
    """Ids for names, in alphabetical order; a name that has one keeps it."""
    ids = {name: number for number, name in known.items()}
    fresh = sorted(set(names) - set(ids))
    return ids | {name: number for number, name in enumerate(fresh, start=max(known, default=0) + 1)}


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for the renders, where the artist's preferences put temporary files."""
    try:
        folder = tempfile.TemporaryDirectory(
            prefix="mosaic-capture-", dir=bpy.app.tempdir or None, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise CaptureError(
            f"the folder for temporary files cannot be written: {error}; choose another under Preferences > File Paths"
        ) from error
    with folder as name:
        yield Path(name)
