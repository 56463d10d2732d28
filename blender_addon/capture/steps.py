"""Capturing, one render a step, so that a modal operator can paint between two renders and stop after any of them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.errors import CaptureError
from mosaic_core.memory import Memory
from mosaic_core.memory.view import View

from .facts import SceneFacts, moving_owners
from .owners import owner_names
from .palette import Palette
from .passes import ExactPass, render_exact, render_picture
from .request import CaptureRequest
from .stage import Stage, staged


@dataclass(frozen=True)
class CaptureProgress:
    """Where a capture is: the step named by `label` comes next."""

    done: int
    total: int
    label: str


@dataclass(frozen=True, eq=False)
class _Shot:
    """One view before objects have ids."""

    name: str
    frame: int
    camera: Camera
    rgb: np.ndarray  # (H, W, 3) uint8
    z_depth: np.ndarray  # (H, W) float32
    masks: Mapping[str, np.ndarray]  # owner -> (H, W) bool


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
        with _temporary_folder() as folder:
            for index in range(len(request.cameras)):
                name = request.view_name(index)
                yield CaptureProgress(2 * index, total, f"{name}: picture")
                rgb = session.picture(index, folder / f"{index:04d}.png")
                yield CaptureProgress(2 * index + 1, total, f"{name}: depth and objects")
                shots.append(session.shot(index, folder / f"{index:04d}.exr", rgb=rgb))
    except ReferenceError as error:
        raise CaptureError("the scene changed while it was captured: start again") from error
    return session.memory(shots, extend=extend)


class _Session:
    """What the steps of one capture share."""

    def __init__(self, scene: bpy.types.Scene, layer_name: str, request: CaptureRequest) -> None:
        self.scene, self.layer_name, self.request = scene, layer_name, request
        self.palette = Palette(bpy.data.objects)
        self.facts_by_frame: dict[int, SceneFacts] = {}
        self.fps = scene.render.fps / scene.render.fps_base

    @contextlib.contextmanager
    def _staged(self, index: int) -> Iterator[Stage]:
        camera, frame = self.request.cameras[index]
        with staged(
            self.scene,
            self.layer_name,
            camera=camera,
            frame=frame,
            image_height=self.request.image_height,
            image_width=self.request.image_width,
        ) as stage:
            yield stage

    def picture(self, index: int, file: Path) -> np.ndarray:  # (H, W, 3) uint8
        """The first render of a view."""
        with self._staged(index) as stage:
            return render_picture(stage, file, engine=self.request.engine, samples=self.request.samples)

    def shot(self, index: int, file: Path, *, rgb: np.ndarray) -> _Shot:
        """The second render of a view, and what it says about the picture."""
        frame = self.request.cameras[index][1]
        with self._staged(index) as stage:
            exact, camera = self._exact(stage, file, frame)
            masks = owner_names(
                exact,
                self.facts_by_frame[frame],
                self.palette,
                render_without=lambda hidden: self._exact(stage, file, frame, hidden=hidden)[0],
            )
        return _Shot(self.request.view_name(index), frame, camera, rgb, exact.z_depth, masks)

    def _exact(
        self, stage: Stage, file: Path, frame: int, *, hidden: frozenset[str] = frozenset()
    ) -> tuple[ExactPass, Camera]:
        exact, camera, facts = render_exact(
            stage,
            file,
            palette=self.palette,
            hidden=hidden,
            like_engine=self.request.engine,
            want_facts=frame not in self.facts_by_frame,
            with_geometry=len(self.request.frames) > 1,
        )
        if facts is not None:
            self.facts_by_frame[frame] = facts
        return exact, camera

    def memory(self, shots: list[_Shot], *, extend: Memory | None) -> Memory:
        """All shots as views of one memory; object ids are shared among them and, when extending, with the old."""
        if not any(np.isfinite(shot.z_depth).any() for shot in shots):
            raise CaptureError("the cameras see no object: turn them towards the scene or check what is renderable")
        known = {} if extend is None else {name: number for number, name in extend.object_names.items()}
        fresh = sorted({name for shot in shots for name in shot.masks} - set(known))
        first = max(known.values(), default=0) + 1
        ids = {**known, **{name: number for number, name in enumerate(fresh, start=first)}}
        moving = moving_owners(self.facts_by_frame)
        views = [self._view(shot, ids, moving) for shot in shots]
        seen = {ids[name]: name for shot in shots for name in shot.masks}
        return extend.with_views(views, seen) if extend else Memory.from_views(views, seen)

    def _view(self, shot: _Shot, ids: Mapping[str, int], moving: set[str]) -> View:
        object_ids = np.zeros(shot.z_depth.shape, dtype=np.int32)
        dynamic = np.zeros(shot.z_depth.shape, dtype=bool)
        for name, mask in shot.masks.items():
            object_ids[mask] = ids[name]
            dynamic[mask] = name in moving
        return View(
            camera=shot.camera,
            rgb=shot.rgb,
            z_depth=shot.z_depth,
            object_ids=object_ids,
            dynamic=dynamic,
            sky=np.isinf(shot.z_depth),
            time_s=(shot.frame - self.scene.frame_start) / self.fps,
            name=shot.name,
            source="captured",
        )


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder for the renders, where the artist's preferences put temporary files."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="mosaic-capture-", dir=bpy.app.tempdir or None)
    except OSError as error:
        raise CaptureError(f"the folder for temporary files cannot be written: {error}") from error
    with folder as name:
        yield Path(name)
