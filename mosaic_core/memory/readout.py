"""Reading the memory: what it shows to one camera. RGB by image-based rendering; features in `feature_readout`.

`MemoryReader` holds what all frames of one memory state share (surfels, packed views). One reader serves the viewport
preview, the engines and the tests, so they all get the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..cameras import Camera
from ..errors import MosaicError
from .feature_readout import FeatureReader
from .gaps import find_gaps
from .memory import Memory
from .picture import Picture, Readout
from .placements import DYNAMIC
from .source_views import WEIGHT_FLOOR, Located, PlacedRows, SourceView, SurfacePoints
from .splatting import BLOCK, MAX_RANK, Splat, cell_centres
from .surfels import Surfels, pixel_surfels

# A surfel gives way to another view's where that one is smaller than this share of it.
FINER = 0.95
# Above this share of a block's points, all are sampled.
DENSE = 0.6
# Surfels behind the first are asked in these groups of ranks. One at a time would ask fewest, but most pixels are
# settled soon, and each round has a price of its own.
RANK_GROUPS = ((0, 2), (2, 3), (3, 5), (5, 9), (9, MAX_RANK))


class MemoryReader:
    """Reads one memory state. Build once, call `rgb` or `features` for each camera. Safe to share between threads."""

    def __init__(self, memory: Memory, *, time_s: float | None = None) -> None:
        """`time_s` hides placements whose time range excludes it; None shows them at any time."""
        placements = memory.placements
        self.memory = memory
        self.shown = placements.shown_at(time_s)
        self._shown_time_s = time_s
        self._placed = PlacedRows(placements, self.shown, len(memory.patches))
        self._views = [SourceView(memory, index, self._placed) for index in range(len(memory.views))]
        # Edits are undone by these: from the edited world back to the captured one.
        self._captured_from_edited = np.linalg.inv(placements.transforms).astype(np.float32).transpose(1, 2, 0)
        self._scale = np.cbrt(np.abs(np.linalg.det(placements.transforms[:, :3, :3]))).astype(np.float32)
        # Views are asked about the surfaces of their own world only: see `mosaic_core.memory.splice`.
        self._worlds = np.array([view.world for view in memory.views], np.int64)
        self._pixels = self._finest(pixel_surfels(memory, self.shown)) if memory.views else None
        self._labels = self._object_labels()

    def rgb(self, camera: Camera, *, time_s: float = 0.0) -> Readout:
        """The picture a camera sees (image-based rendering; design, section 5).

        Surfels give each pixel its surface, the views that saw that surface give it its colour. Where an outline was
        made too fat, no view agrees, and the surfels behind it get their turn; then the sky; the rest are holes. So are
        gaps in an object through which something farther would show without a view having seen it there.
        """
        if self._pixels is None:
            raise MosaicError("the memory holds no views: capture something first")
        picture = Picture(camera, time_s, self.memory.placements)
        splat = Splat(self._pixels, camera)
        surfel = splat.nearest()
        found = np.flatnonzero(surfel >= 0)
        self._colour(picture, _Candidates(splat, found, surfel[found]))
        rejected = found[~picture.covered[found]]
        behind = splat.behind(rejected)
        # Nearest first; then once more, generously, for what no view confirmed to the pixel: slivers beside an outline.
        self._colour_behind(picture, splat, rejected, behind, nearby=False)
        self._colour_behind(picture, splat, rejected, behind, nearby=True)
        self._colour_sky(picture)
        self._close_gaps(picture)
        return picture.readout()

    def _colour_behind(
        self,
        picture: Picture,
        splat: Splat,
        pixels: np.ndarray,  # (n,) flat
        behind: tuple[np.ndarray, np.ndarray, np.ndarray],  # as `Splat.behind` gives it
        *,
        nearby: bool,
    ) -> None:
        """Give each pixel that is still open the nearest of its surfels that is confirmed."""
        at, surfel, rank = behind
        for first, last in RANK_GROUPS:
            mine = np.flatnonzero((rank >= first) & (rank < last))
            mine = mine[~picture.covered[pixels[at[mine]]]]
            # Farthest first: where several surfels of one pixel are confirmed, the nearest is put down last, and stays.
            mine = mine[np.argsort(-rank[mine], kind="stable")]
            if len(mine):
                self._colour(picture, _Candidates(splat, pixels[at[mine]], surfel[mine]), nearby=nearby)

    def features(
        self,
        features: np.ndarray,  # (P, C), a row a patch
        camera: Camera,  # its image size is the grid: one pixel a cell
        *,
        time_s: float = 0.0,
    ) -> Readout:
        """The patch features a camera sees, see `FeatureReader.read` (`mosaic_core.memory.feature_readout`)."""
        return self._features.read(features, camera, time_s=time_s)

    @cached_property
    def _features(self) -> FeatureReader:
        return FeatureReader(self.memory, time_s=self._shown_time_s)

    def _finest(self, surfels: Surfels) -> Surfels:
        """Drop the surfels whose place another view shows much finer: they only blur outlines and cost time."""
        placements = self.memory.placements
        owner = surfels.placement
        view_of = self.memory.patches.column("view", placements.rows_at(owner) - 1)
        transform = placements.transform_index[owner]
        eye = np.zeros((3, 1), np.float32)
        size = surfels.size_m / self._scale[transform]
        points = SurfacePoints(
            self._to_captured(surfels.points_world, transform), eye, size, transform, self._object_of(owner)
        )
        keep = np.ones(len(surfels), bool)
        for index, view in enumerate(self._views):
            others = np.flatnonzero((view_of != index) & keep & (self._worlds[view_of] == self._worlds[index]))
            seen, size_there = view.finest_size(points.taken(others))
            keep[others[seen[size_there < FINER * size[others[seen]]]]] = False
        return surfels.taken(np.flatnonzero(keep))

    def _colour(self, picture: Picture, candidates: _Candidates, *, nearby: bool = False) -> None:
        """Colour these pixels from the views that confirm their surface; leave those that are not confirmed."""
        for start in range(0, len(candidates.pixels), BLOCK):
            self._colour_block(picture, candidates.taken(slice(start, start + BLOCK)), nearby=nearby)

    def _colour_block(self, picture: Picture, candidates: _Candidates, *, nearby: bool) -> None:
        owner = candidates.splat.placement[candidates.surfel]
        z_depth = candidates.splat.depth_at(candidates.pixels, candidates.surfel)
        points = self._undone(picture.camera, self._on_rays(picture.camera, candidates.pixels, z_depth), owner)
        best, against = np.zeros(len(owner), np.float32), np.zeros(len(owner), np.float32)
        located = {}
        for index in self._by_direction(picture.camera):
            floor = self._floor(index, owner, np.float32(WEIGHT_FLOOR) * best)
            located[index] = self._views[index].locate(points, floor, nearby=nearby)
            best = np.maximum(best, located[index].weight)
            against = np.maximum(against, located[index].against)
        # A view that is better placed and saw past the point outvotes those that took it for the surface. What moves
        # by itself was not there for all of them: nobody is asked to object.
        moves = (self.memory.placements.flags[owner] & DYNAMIC) != 0
        best = np.where((best >= against) | moves, best, np.float32(0))
        self._blend(picture, candidates.pixels, z_depth, owner, points, located, best)

    def _blend(
        self,
        picture: Picture,
        pixels: np.ndarray,  # (n,) flat
        z_depth: np.ndarray,  # (n,)
        owner: np.ndarray,  # (n,) position in the placement table
        points: SurfacePoints,  # n
        located: dict[int, Located],  # by view
        best: np.ndarray,  # (n,) the largest weight, 0 = not confirmed
    ) -> None:
        colour, total = np.zeros((3, len(pixels)), np.float32), np.zeros(len(pixels), np.float32)
        main_view = np.full(len(pixels), -1, np.int32)
        main_u, main_v = np.zeros(len(pixels), np.float32), np.zeros(len(pixels), np.float32)
        for index, at in located.items():
            share = np.where(best > 0, at.weight - np.float32(WEIGHT_FLOOR) * best, np.float32(0))
            self._add_share(self._views[index], at, np.maximum(share, np.float32(0)), points, into=(colour, total))
            mainly = (at.weight == best) & (best > 0)
            main_view[mainly] = index
            np.copyto(main_u, at.u, where=mainly)
            np.copyto(main_v, at.v, where=mainly)
        seen = np.flatnonzero(total > 0)
        picture.put(
            pixels.take(seen),
            values=colour.take(seen, axis=1) / total.take(seen),
            z_depth=z_depth.take(seen),
            owner=owner.take(seen),
            confidence=best.take(seen),
            view=main_view.take(seen),
            uv=(main_u.take(seen), main_v.take(seen)),
            view_time_s=self._view_times(),
        )

    @staticmethod
    def _add_share(
        view: SourceView,
        at: Located,
        share: np.ndarray,  # (n,) weight of this view's colour
        points: SurfacePoints,  # n
        *,
        into: tuple[np.ndarray, np.ndarray],  # (3, n) sum of share x colour, (n,) sum of share
    ) -> None:
        colour, total = into
        used = np.flatnonzero(share)
        if len(used) > DENSE * len(share):
            # Nearly all of them: doing all costs less than picking them out and putting them back.
            u, v = np.where(share > 0, at.u, np.float32(0)), np.where(share > 0, at.v, np.float32(0))
            colour += share * view.sample(u, v, points)
            total += share
        elif len(used):
            sampled = view.sample(at.u.take(used), at.v.take(used), points.taken(used))
            share = share.take(used)
            for channel in range(3):
                colour[channel][used] += share * sampled[channel]
            total[used] += share

    def _colour_sky(self, picture: Picture) -> None:
        """Pixels without a surface take the sky from the views that saw it in that direction, best aligned first.

        Of several worlds the first one's sky goes before the others'.
        """
        if not any(view.sky.any() for view in self.memory.views):
            return
        for world in np.unique(self._worlds):
            self._colour_sky_of(picture, [i for i in self._by_direction(picture.camera) if self._worlds[i] == world])

    def _colour_sky_of(self, picture: Picture, views: list[int]) -> None:
        free = self._may_be_sky(picture, views)
        for clear in (True, False):
            for index in views:
                wanted = free[~picture.covered[free]]
                if len(wanted) == 0:
                    return
                rays = picture.camera.rays_world(cell_centres(wanted, picture.camera)).T
                colour, u, v, seen = self._views[index].sample_sky(rays, clear=clear)
                seen = np.flatnonzero(seen)
                picture.put(
                    wanted[seen],
                    values=colour[:, seen],
                    z_depth=np.full(len(seen), np.inf, np.float32),
                    owner=np.full(len(seen), -1, np.int32),
                    confidence=np.ones(len(seen), np.float32),
                    view=np.full(len(seen), index, np.int32),
                    uv=(u[seen], v[seen]),
                    view_time_s=self._view_times(),
                )

    def _may_be_sky(self, picture: Picture, views: list[int]) -> np.ndarray:  # (n,) flat pixels
        """Open pixels before which the air is free, as these views say.

        That a view saw sky in a direction says nothing about what stands near the camera: a wall that no view saw would
        become sky. So a point at the depth of the surfaces around is asked for: a view has to have seen past it, unless
        it is in nobody's picture.
        """
        camera = picture.camera
        wanted = np.flatnonzero(~picture.covered)
        z = picture.guessed_depth().ravel()[wanted]
        known = np.flatnonzero(np.isfinite(z))
        position = self._on_rays(camera, wanted[known], z[known])
        looked, past = np.zeros(len(known), bool), np.zeros(len(known), bool)
        for index in views:
            inside, beyond = self._views[index].sees_past(position)
            looked |= inside
            past |= beyond
        refused = known[looked & ~past]
        return np.delete(wanted, refused)

    def _close_gaps(self, picture: Picture) -> None:
        """Make holes of the pixels that look through an object where no view did (`mosaic_core.memory.gaps`)."""
        camera = picture.camera
        size = (camera.image_height, camera.image_width)
        gaps = find_gaps(self._labels.take(picture.owner).reshape(size), picture.z_depth.reshape(size))
        covered = picture.covered[gaps.pixel]
        pixels, near, far, share = (
            part[covered] for part in (gaps.pixel, gaps.near_side, gaps.far_side, gaps.far_share)
        )
        owner = picture.owner[far]
        points = self._undone(camera, self._on_rays(camera, pixels, picture.z_depth[far]), owner)
        looked, past = np.zeros(len(pixels), bool), np.zeros(len(pixels), bool)
        for index, view in enumerate(self._views):
            inside, beyond = view.sees_past(points.position)
            asked = self._floor(index, owner) == 0
            looked |= inside & asked
            past |= beyond & asked
        closed = looked & ~past
        values = picture.values
        filling = values[:, near[closed]] * (1 - share[closed]) + values[:, far[closed]] * share[closed]
        picture.make_holes(pixels[closed], filling)

    def _by_direction(self, camera: Camera) -> np.ndarray:
        """Indices of the views, the one that looks most like the camera first."""
        aligned = [-float(view.camera.forward_world @ camera.forward_world) for view in self._views]
        return np.argsort(aligned, kind="stable")

    def _floor(self, index: int, owner: np.ndarray, floor: np.ndarray | float = 0.0) -> np.ndarray | float:
        """What a view's weight has to exceed to count for each placement: it never does for those of other worlds."""
        if (self._worlds == self._worlds[index]).all():
            return floor
        view_of = self.memory.patches.column("view", self.memory.placements.rows_at(owner) - 1)
        return np.where(self._worlds[view_of] == self._worlds[index], floor, np.float32(np.inf))

    @staticmethod
    def _on_rays(camera: Camera, pixels: np.ndarray, z: np.ndarray) -> np.ndarray:  # (3, n)
        return np.ascontiguousarray(camera.unproject(cell_centres(pixels, camera), z).T)

    def _undone(self, camera: Camera, position: np.ndarray, owner: np.ndarray) -> SurfacePoints:
        """Points of the edited world ((3, n)), carried back to where their patches were captured."""
        transform = self.memory.placements.transform_index[owner]
        m = camera.cam_from_world.astype(np.float32)
        z = m[2, 0] * position[0] + m[2, 1] * position[1] + m[2, 2] * position[2] + m[2, 3]
        size = z / np.float32(camera.focal_px)
        eye = camera.position_world.astype(np.float32)[:, None]
        if transform.any():
            position = self._to_captured(position, transform)
            eye = self._to_captured(np.repeat(eye, len(owner), axis=1), transform)
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
        return self.memory.patches.column("object_id", self.memory.placements.rows_at(owner) - 1)

    def _object_labels(self) -> np.ndarray:  # (N + 1,) unsigned
        """A number from 1 for each object and edit, 0 for what moves by itself: views saw it in different places.

        The last is 0 as well: position -1 of the placement table is nothing.
        """
        placements = self.memory.placements
        pairs = self._object_of(np.arange(len(placements))).astype(np.int64) << 32 | placements.transform_index
        labels = np.unique(pairs, return_inverse=True)[1] + 1
        labels = np.append(np.where(placements.flags & DYNAMIC, 0, labels), 0)
        # Labels of 16 bits sort fastest by far.
        return labels.astype(np.uint16 if labels.max(initial=0) < 1 << 16 else np.uint32)

    def _view_times(self) -> np.ndarray:
        return np.array([view.time_s for view in self.memory.views], np.float32)


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Pixels and the surfel each would show."""

    splat: Splat
    pixels: np.ndarray  # (n,) flat
    surfel: np.ndarray  # (n,) as `splat` counts them

    def taken(self, index: slice) -> _Candidates:
        return _Candidates(self.splat, self.pixels[index], self.surfel[index])
