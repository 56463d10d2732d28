"""`Readout`: what the memory shows to one camera. RGB by image-based rendering, features a patch at a time.

`MemoryReader` holds what all frames of one memory state share (surfels, packed views). One reader serves the viewport
preview, the engines and the tests, so they all get the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..errors import MosaicError
from .hole_filling import fill_holes
from .memory import Memory
from .source_views import WEIGHT_FLOOR, PlacedRows, SourceView, SurfacePoints
from .splatting import Splat, cell_centres
from .surfels import Surfels, patch_surfels, pixel_surfels

# A surfel gives way to another view's where that one is smaller than this share of it.
FINER = 0.7


@dataclass(frozen=True, eq=False)
class Readout:
    """What one camera sees of the memory, a value a cell (a pixel for RGB)."""

    values: np.ndarray  # (h, w, C) float32: RGB in [0, 1], or features; holes are filled (RGB) or zero (features)
    covered: np.ndarray  # (h, w) bool, memory holds this cell
    z_depth: np.ndarray  # (h, w) float32 metres; inf = sky or hole
    placement_id: np.ndarray  # (h, w) int64, 0 = none (holes, and sky of the RGB readout)
    confidence: np.ndarray  # (h, w) float32 in [0, 1]: the best view's weight by angle and sharpness
    age_s: np.ndarray  # (h, w) float32, from the view it comes from until now; inf where not covered
    source_view: np.ndarray  # (h, w) int32, the view that weighs most; -1 = none
    source_uv: np.ndarray  # (h, w, 2) float32, fractional pixel in that view; nan = none


class MemoryReader:
    """Reads one memory state. Build once, call `rgb` or `features` for each camera. Safe to share between threads."""

    def __init__(self, memory: Memory, *, time_s: float | None = None) -> None:
        """`time_s` hides placements whose time range excludes it; None shows them at any time."""
        placements = memory.placements
        self.memory = memory
        self.shown = placements.visible
        if time_s is not None:
            since, until = placements.time_range_s.T
            self.shown = self.shown & (since <= time_s) & (time_s < until)
        self._placed = PlacedRows(placements, self.shown, len(memory.patches))
        self._views = [SourceView(memory, index, self._placed) for index in range(len(memory.views))]
        # Edits are undone by these: from the edited world back to the captured one.
        self._captured_from_edited = np.linalg.inv(placements.transforms).astype(np.float32).transpose(1, 2, 0)
        self._scale = np.cbrt(np.abs(np.linalg.det(placements.transforms[:, :3, :3]))).astype(np.float32)
        self._pixels = self._finest(pixel_surfels(memory, self.shown)) if memory.views else None
        self._patches = patch_surfels(memory, self.shown)

    def rgb(self, camera: Camera, *, time_s: float = 0.0) -> Readout:
        """The picture a camera sees (image-based rendering; design, section 5).

        Surfels give each pixel its surface, the views that saw that surface give it its colour. Where an outline was
        made too fat, no view agrees, and the surfels behind it get their turn; then the sky; the rest are holes.
        """
        if self._pixels is None:
            raise MosaicError("the memory holds no views: capture something first")
        picture = _Picture(camera, time_s)
        splat = Splat(self._pixels, camera)
        surfel = splat.nearest().surfel.ravel()
        found = np.flatnonzero(surfel >= 0)
        self._colour(picture, camera, splat, found, surfel[found])
        rejected = found[~picture.covered[found]]
        at, surfel, rank = splat.behind(rejected)
        for step in range(1, int(rank.max(initial=0)) + 1):
            mine = np.flatnonzero(rank == step)
            mine = mine[~picture.covered[rejected[at[mine]]]]
            self._colour(picture, camera, splat, rejected[at[mine]], surfel[mine])
        self._colour_sky(picture, camera)
        return picture.readout()

    def features(
        self,
        features: np.ndarray,  # (P, C), a row a patch
        camera: Camera,  # its image size is the grid: one pixel a cell
        *,
        time_s: float = 0.0,
    ) -> Readout:
        """The patch features a camera sees, nearest placement a cell; cells nobody reached hold zeros."""
        if len(features) != len(self.memory.patches):
            raise MosaicError(
                f"expected a feature row for each of {len(self.memory.patches)} patches, got {len(features)}"
            )
        splat = Splat(self._patches, camera)
        layer = splat.nearest()
        found = np.flatnonzero(layer.surfel.ravel() >= 0)
        owner = self._patches.placement[layer.surfel.ravel()[found]]
        picture = _Picture(camera, time_s, channels=features.shape[1])
        rows = self.memory.placements.rows[owner]
        view = self.memory.patches.view[rows - 1]
        points = self._undone(camera, found, layer.z_depth.ravel()[found], owner)
        u, v, weight = (np.zeros(len(found), np.float32) for _ in range(3))
        for index, source in enumerate(self._views):
            mine = np.flatnonzero(view == index)
            u[mine], v[mine], weight[mine] = source.project(points.taken(mine))
        picture.put(
            found,
            values=features[rows - 1],
            z_depth=layer.z_depth.ravel()[found],
            placement_id=self.memory.placements.ids[owner],
            confidence=weight,
            view=view,
            uv=np.stack([u, v], axis=-1),
            view_time_s=self._view_times(),
        )
        return picture.readout(fill=False)

    def _finest(self, surfels: Surfels) -> Surfels:
        """Drop the surfels whose place another view shows much finer: they only blur outlines and cost time."""
        placements = self.memory.placements
        owner = surfels.placement
        view_of = self.memory.patches.view[placements.rows[owner] - 1]
        transform = placements.transform_index[owner]
        eye = np.zeros((3, 1), np.float32)
        size = surfels.size_m / self._scale[transform]
        points = SurfacePoints(
            self._to_captured(surfels.points_world, transform), eye, size, transform, self._object_of(owner)
        )
        keep = np.ones(len(surfels), bool)
        for index, view in enumerate(self._views):
            others = np.flatnonzero((view_of != index) & keep)
            seen, size_there = view.finest_size(points.taken(others))
            keep[others[seen[size_there < FINER * size[others[seen]]]]] = False
        return surfels.taken(np.flatnonzero(keep))

    def _colour(
        self,
        picture: _Picture,
        camera: Camera,
        splat: Splat,
        pixels: np.ndarray,  # (n,) flat
        surfel: np.ndarray,  # (n,) the surface each shows
    ) -> None:
        """Colour these pixels from every view that agrees with their surface; leave those that none agrees with."""
        assert self._pixels is not None
        owner = self._pixels.placement[surfel]
        z_depth = splat.depth_at(pixels, surfel)
        points = self._undone(camera, pixels, z_depth, owner)
        located = [view.locate(points) for view in self._views]
        weights = np.stack([weight for _, _, weight in located])  # (V, n)
        best = weights.max(axis=0)
        colour = np.zeros((len(pixels), 3), np.float32)
        total = np.zeros(len(pixels), np.float32)
        for view, (u, v, weight) in zip(self._views, located, strict=True):
            share = weight - np.float32(WEIGHT_FLOOR) * best
            used = np.flatnonzero((share > 0) & (best > 0))
            sampled = view.sample(u[used], v[used], points.taken(used))
            colour[used] += share[used, None] * sampled
            total[used] += share[used]
        seen = np.flatnonzero(total > 0)
        view = weights.argmax(axis=0).astype(np.int32)[seen]
        uv = np.stack([np.stack([u, v], axis=-1) for u, v, _ in located])[view, seen]
        picture.put(
            pixels[seen],
            values=colour[seen] / total[seen, None],
            z_depth=z_depth[seen],
            placement_id=self.memory.placements.ids[owner[seen]],
            confidence=best[seen],
            view=view,
            uv=uv,
            view_time_s=self._view_times(),
        )

    def _colour_sky(self, picture: _Picture, camera: Camera) -> None:
        """Pixels without a surface take the sky from the views that saw it in that direction, best aligned first."""
        if not any(view.sky.any() for view in self.memory.views):
            return
        order = np.argsort([-float(view.camera.forward_world @ camera.forward_world) for view in self._views])
        for index in order:
            open_pixels = np.flatnonzero(~picture.covered)
            if len(open_pixels) == 0:
                return
            rays = camera.rays_world(cell_centres(open_pixels, camera)).T
            colour, u, v, seen = self._views[index].sample_sky(rays)
            seen = np.flatnonzero(seen)
            count = len(seen)
            picture.put(
                open_pixels[seen],
                values=colour[seen],
                z_depth=np.full(count, np.inf, np.float32),
                placement_id=np.zeros(count, np.int64),
                confidence=np.ones(count, np.float32),
                view=np.full(count, index, np.int32),
                uv=np.stack([u[seen], v[seen]], axis=-1),
                view_time_s=self._view_times(),
            )

    def _undone(self, camera: Camera, pixels: np.ndarray, z: np.ndarray, owner: np.ndarray) -> SurfacePoints:
        """The surface points of these pixels, carried back to where their patches were captured."""
        position = np.ascontiguousarray(camera.unproject(cell_centres(pixels, camera), z).T)
        transform = self.memory.placements.transform_index[owner]
        size = z / np.float32(camera.focal_px)
        eye = camera.position_world.astype(np.float32)[:, None]
        away = np.flatnonzero(transform)
        if len(away):
            position = self._to_captured(position, transform)
            eye = self._to_captured(np.repeat(eye, len(pixels), axis=1), transform)
            size = size / self._scale[transform]
        return SurfacePoints(position, eye, size, transform, self._object_of(owner))

    def _to_captured(self, points: np.ndarray, transform: np.ndarray) -> np.ndarray:  # (3, n)
        """Undo each point's edit; points that stand where they were captured keep their bits."""
        points = points.copy()
        away = np.flatnonzero(transform)
        m = self._captured_from_edited[:, :, transform[away]]  # (4, 4, n)
        x, y, z = points[:, away]
        for i in range(3):
            points[i, away] = m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + m[i, 3]
        return points

    def _object_of(self, owner: np.ndarray) -> np.ndarray:
        return self.memory.patches.object_id[self.memory.placements.rows[owner] - 1]

    def _view_times(self) -> np.ndarray:
        return np.array([view.time_s for view in self.memory.views], np.float32)


class _Picture:
    """The columns of a `Readout` while they are being filled, flat."""

    def __init__(self, camera: Camera, time_s: float, *, channels: int = 3) -> None:
        count = camera.image_height * camera.image_width
        self._size = (camera.image_height, camera.image_width)
        self._time_s = np.float32(time_s)
        self.values = np.zeros((count, channels), np.float32)
        self.covered = np.zeros(count, bool)
        self.z_depth = np.full(count, np.inf, np.float32)
        self.placement_id = np.zeros(count, np.int64)
        self.confidence = np.zeros(count, np.float32)
        self.age_s = np.full(count, np.inf, np.float32)
        self.view = np.full(count, -1, np.int32)
        self.uv = np.full((count, 2), np.nan, np.float32)

    def put(
        self,
        pixels: np.ndarray,  # (n,) flat
        *,
        values: np.ndarray,  # (n, C)
        z_depth: np.ndarray,  # (n,)
        placement_id: np.ndarray,  # (n,)
        confidence: np.ndarray,  # (n,)
        view: np.ndarray,  # (n,)
        uv: np.ndarray,  # (n, 2)
        view_time_s: np.ndarray,  # (V,)
    ) -> None:
        self.covered[pixels] = True
        self.values[pixels] = values
        self.z_depth[pixels] = z_depth
        self.placement_id[pixels] = placement_id
        self.confidence[pixels] = np.minimum(confidence, 1)
        self.age_s[pixels] = np.abs(self._time_s - view_time_s[view])
        self.view[pixels] = view
        self.uv[pixels] = uv

    def readout(self, *, fill: bool = True) -> Readout:
        def shaped(column: np.ndarray) -> np.ndarray:
            return column.reshape(*self._size, *column.shape[1:])

        values, covered, z_depth = shaped(self.values), shaped(self.covered), shaped(self.z_depth)
        return Readout(
            values=fill_holes(values, covered, z_depth) if fill else values,
            covered=covered,
            z_depth=z_depth,
            placement_id=shaped(self.placement_id),
            confidence=shaped(self.confidence),
            age_s=shaped(self.age_s),
            source_view=shaped(self.view),
            source_uv=shaped(self.uv),
        )
