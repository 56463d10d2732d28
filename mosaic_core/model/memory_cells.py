"""What a memory shows to a model's cameras, before any latent is looked up: which view saw each cell, and where.

One `FeatureReader` answers for geometry, edits included. Two things come on top. Sky has no place, so a cell that sees
no patch asks the views for sky in its direction. And what moves by itself is left out: it is somewhere else by now,
and the model's to continue (`mosaic_core.memory.placements.DYNAMIC`).

The same two views of one answer feed both kinds of alignment (`mosaic_core.model.warping`). Warped Latent wants, for
each cell, the point of a view that it shows. Warped RoPE wants patches as they were captured: the middle of the patch
that a token sees, in the view it came from, and where that middle appears now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..cameras import Camera
from ..memory import Memory
from ..memory.feature_readout import FeatureReader
from ..memory.picture import Readout
from ..memory.still import still_memory

# Sky is where nothing is known to be in front of it, which is less than knowing it.
SKY_CONFIDENCE = 0.7
CELLS_PER_TOKEN = 2  # along a side


@dataclass(frozen=True, eq=False)
class MemoryCells:
    """T frames of h x w cells. Places in views are shares of their width and height: no matter how large they are."""

    view: np.ndarray  # (T, h, w) int32, -1 = memory holds nothing here
    source_share: np.ndarray  # (T, h, w, 2) float32 in [0, 1], x and y in that view
    confidence: np.ndarray  # (T, h, w) float32 in [0, 1]
    patch_view: np.ndarray  # (T, n) int32 for each token the view of the patch it sees, -1 = none
    patch_share: np.ndarray  # (T, n, 2) float32, the patch's middle in that view
    patch_position: np.ndarray  # (T, n, 2) float32, where it appears now, x and y in tokens (Warped RoPE)

    def taken(self, frames: slice | np.ndarray) -> MemoryCells:
        """Some of the frames."""
        return MemoryCells(*(getattr(self, name)[frames] for name in self.__dataclass_fields__))


class CellReader:
    """Reads one memory state for a model. Build once, ask for any number of cameras."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory = still_memory(memory)
        self._reader = FeatureReader(memory, compiled=True)
        self._shown = memory.placements.shown_at(None)
        self._no_features = np.zeros((len(memory.patches), 0), np.float32)

    def read(
        self,
        cameras: Sequence[Camera],  # of any image size; the grid is laid over their whole field of view
        *,
        height: int,  # in cells, even
        width: int,
        times_s: Sequence[float] = (),
    ) -> MemoryCells:
        """What each camera's cells and tokens see; at its time, where times are given, else of any time."""
        frames = []
        for index, camera in enumerate(cameras):
            camera = camera.scaled_to(image_height=height, image_width=width)
            time_s = times_s[index] if len(times_s) else None
            seen = self._reader_at(time_s).read(self._no_features, camera, time_s=time_s or 0.0)
            frames.append(self._frame(camera, seen))
        return MemoryCells(*(np.stack(column) for column in zip(*frames, strict=True)))

    def _reader_at(self, time_s: float | None) -> FeatureReader:
        """Made anew only when other placements are shown."""
        shown = self.memory.placements.shown_at(time_s)
        if not np.array_equal(shown, self._shown):
            self._reader, self._shown = FeatureReader(self.memory, time_s=time_s, compiled=True), shown
        return self._reader

    def _frame(self, camera: Camera, seen: Readout) -> tuple[np.ndarray, ...]:
        view, confidence = seen.source_view.copy(), seen.confidence.copy()
        sizes = np.array([(v.camera.image_width, v.camera.image_height) for v in self.memory.views] or [(1, 1)])
        share = (seen.source_uv / sizes[view]).astype(np.float32)
        patches = self._patches(camera, seen, sizes)
        for index, found, at in self._sky(camera, np.flatnonzero(view.reshape(-1) < 0)):
            view.reshape(-1)[found], share.reshape(-1, 2)[found] = index, at
            confidence.reshape(-1)[found] = SKY_CONFIDENCE
        return view, np.nan_to_num(share), confidence, *patches

    def _patches(self, camera: Camera, seen: Readout, sizes: np.ndarray) -> tuple[np.ndarray, ...]:
        """For each token the patch that its most certain cell sees: view (n,), share (n, 2), position (n, 2)."""
        best = _blocks(seen.confidence).argmax(axis=1)
        owner = np.take_along_axis(_blocks(seen.placement_id), best[:, None], axis=1)[:, 0]
        view, shares, positions = np.full(len(owner), -1, np.int32), *np.zeros((2, len(owner), 2), np.float32)
        some = np.flatnonzero(owner > 0)
        if len(some):
            table, patches = self.memory.placements, self.memory.patches
            at = table.indices_of(owner[some])
            row = table.rows_at(at) - 1
            view[some] = patches.column("view", row)
            centre, moved = (
                patches.column("centre_world", row).astype(np.float64),
                table.transforms[table.transform_index[at]],
            )
            shares[some] = self._captured_at(centre, view[some]) / sizes[view[some]]
            now = np.einsum("nij,nj->ni", moved[:, :3, :3], centre) + moved[:, :3, 3]
            uv, _ = camera.project(now)
            lost = some[~np.isfinite(uv).all(axis=-1)]
            positions[some] = np.nan_to_num(uv / CELLS_PER_TOKEN - 0.5)
            view[lost] = -1
        return view, shares, positions

    @cached_property
    def _sky_views(self) -> np.ndarray:  # (n,) views that saw any sky
        return np.array([index for index, view in enumerate(self.memory.views) if view.sky.any()], np.intp)

    def _captured_at(self, points: np.ndarray, view: np.ndarray) -> np.ndarray:  # (n, 2) pixels of each point's view
        uv = np.zeros((len(points), 2))
        for index in np.unique(view):
            mine = view == index
            uv[mine] = np.nan_to_num(self.memory.views[index].camera.project(points[mine])[0])
        return uv

    def _sky(self, camera: Camera, cells: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """For each view the cells (flat) for which it knows sky, and where it saw it; the nearest in direction last."""
        if not len(cells):
            return []
        directions = camera.rays_world(camera.pixel_centres().reshape(-1, 2)[cells])
        views = [self.memory.views[index] for index in self._sky_views.tolist()]
        order = np.argsort([view.camera.forward_world @ camera.forward_world for view in views], kind="stable")
        found = []
        for index in self._sky_views[order].tolist():
            view = self.memory.views[index]
            uv, _ = view.camera.project(directions + view.camera.position_world)
            size = np.array([view.camera.image_width, view.camera.image_height])
            inside = ((uv >= 0) & (uv < size)).all(axis=-1)  # nan, behind the view, is not
            x, y = uv[inside].astype(np.intp).T
            hit = np.flatnonzero(inside)[view.sky[y, x]]
            found.append((index, cells[hit], (uv[hit] / size).astype(np.float32)))
        return found


def _blocks(cells: np.ndarray) -> np.ndarray:  # (h, w) -> (tokens, 4)
    height, width = (side // CELLS_PER_TOKEN for side in cells.shape)
    grid = cells.reshape(height, CELLS_PER_TOKEN, width, CELLS_PER_TOKEN).swapaxes(1, 2)
    return grid.reshape(height * width, CELLS_PER_TOKEN**2)
