"""Reading colours: image-based rendering of the memory for one camera (design, section 5).

Surfels give each pixel its surface, the views that saw that surface give it its colour. Where an outline was made too
fat, no view agrees, and the surfels behind it get their turn; then the sky; the rest are holes. So are gaps in an
object through which something farther would show without a view having seen it there.

`RgbReader` holds what all frames of one memory state share (surfels, packed views). It is prepared in NumPy and reads
in NumPy or torch with the same lines (`mosaic_core.memory.arrays`), so both give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..errors import MosaicError
from .arrays import NUMPY, Array, Arrays, as_float32
from .detail import PlacedSurfels, placed_surfels
from .gaps import find_gaps
from .memory import Memory
from .picture import Picture, Readout
from .placements import DYNAMIC
from .source_views import WEIGHT_FLOOR, Located, PlacedRows, SourceView, SurfacePoints
from .splatting import BLOCK, MAX_RANK, Splat
from .view_parts import ViewParts

# A surfel gives way to another view's where that one is smaller than this share of it.
FINER = as_float32(0.95)
# Above this share of a block's points, all are sampled.
DENSE = 0.6
# Surfels behind the first are asked in these groups of ranks. One at a time would ask fewest, but most pixels are
# settled soon, and each round has a price of its own.
# The very first has been asked before.
RANK_GROUPS = ((1, 3), (3, 9), (9, MAX_RANK))
# Of the few that are then left, the first has its turn again: before, it was asked to the pixel.
NEARBY_GROUPS = ((0, 3), (3, MAX_RANK))


class RgbReader:
    """Reads the colours of one memory state, with the given array library. Safe to share between threads."""

    def __init__(
        self,
        memory: Memory,
        shown: np.ndarray,  # (N,) bool, by position in the placement table
        arrays: Arrays = NUMPY,
        parts: ViewParts | None = None,  # where what no edit changes is kept for the next reader
    ) -> None:
        """Raises `MosaicError` for a memory without views."""
        if not memory.views:
            raise MosaicError("the memory holds no views: capture something first")
        self._arrays, self._tables = arrays, _Tables(memory, arrays)
        self._has_sky = any(view.sky.any() for view in memory.views)
        placed = PlacedRows(memory.placements, shown, len(memory.patches), arrays)
        self._views = [SourceView(memory, index, placed, arrays, parts) for index in range(len(memory.views))]
        # Views are asked about the surfaces of their own world only: see `mosaic_core.memory.splice`.
        self._worlds = np.array([view.world for view in memory.views], np.int64)
        self._placed = self._finest(placed_surfels(memory, shown, parts))

    def read(self, camera: Camera, *, time_s: float) -> Readout:
        """The picture a camera sees. Columns are arrays of the reader's library."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            arrays = self._arrays
            picture = Picture(camera, time_s, arrays)
            splat = Splat(self._placed.surfels, camera, arrays, self._placed.chosen(camera, arrays))
            surfel = splat.nearest()
            found = arrays.nonzero(surfel >= 0)
            self._colour(picture, _Candidates(splat, found, arrays.take(surfel, found)))
            rejected = arrays.take(found, arrays.nonzero(~arrays.take(picture.covered, found)))
            behind = splat.behind(rejected)
            # Nearest first; then once more, generously, for what no view confirmed to the pixel: slivers beside an
            # outline.
            self._colour_behind(picture, splat, rejected, behind, nearby=False)
            self._colour_behind(picture, splat, rejected, behind, nearby=True)
            self._colour_sky(picture)
            self._close_gaps(picture)
            return picture.readout(self._tables.ids)

    def _colour_behind(
        self,
        picture: Picture,
        splat: Splat,
        pixels: Array,  # (n,) flat
        behind: tuple[Array, Array, Array],  # as `Splat.behind` gives it
        *,
        nearby: bool,
    ) -> None:
        """Give each pixel that is still open the nearest of its surfels that is confirmed."""
        take, nonzero = self._arrays.take, self._arrays.nonzero
        at, surfel, rank = behind
        for first, last in NEARBY_GROUPS if nearby else RANK_GROUPS:
            mine = nonzero((rank >= first) & (rank < last))
            mine = take(mine, nonzero(~take(picture.covered, take(pixels, take(at, mine)))))
            # Farthest first: where several surfels of one pixel are confirmed, the nearest stands last, and counts.
            mine = take(mine, self._arrays.order(-take(rank, mine)))
            if len(mine):
                candidates = _Candidates(splat, take(pixels, take(at, mine)), take(surfel, mine), repeat=True)
                self._colour(picture, candidates, nearby=nearby)

    def _finest(self, placed: PlacedSurfels) -> PlacedSurfels:
        """Drop the surfels whose place another view shows much finer: they only blur outlines and cost time.

        The others come back as columns of the reader's library.
        """
        arrays, take, tables, pixels = self._arrays, self._arrays.take, self._tables, placed.pixels()
        columns = placed.surfels.points_world, placed.surfels.size_m, placed.surfels.placement
        position, size, placement = (arrays.of(column.take(pixels, axis=-1)) for column in columns)
        view_of, transform = take(tables.view, placement), take(tables.transform, placement)
        position, size = tables.to_captured(position, transform), size / take(tables.scale, transform)
        eye = arrays.full((3, 1), 0, np.float32)
        points = SurfacePoints(position, eye, size, transform, take(tables.object_id, placement))
        keep = arrays.full((len(pixels),), True, np.bool_)
        worlds = arrays.of(self._worlds)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for index, view in enumerate(self._views):
                beside = (view_of != index) & keep & (take(worlds, view_of) == int(self._worlds[index]))
                others = arrays.nonzero(beside)
                seen, size_there = view.finest_size(points.taken(arrays, others))
                seen = take(others, seen)
                keep[take(seen, arrays.nonzero(size_there < FINER * take(size, seen)))] = False
        return placed.kept(pixels, arrays.to_numpy(keep)).on(arrays)

    def _colour(self, picture: Picture, candidates: _Candidates, *, nearby: bool = False) -> None:
        """Colour these pixels from the views that confirm their surface; leave those that are not confirmed."""
        for start in range(0, len(candidates.pixels), BLOCK):
            self._colour_block(picture, candidates.taken(slice(start, start + BLOCK)), nearby=nearby)

    def _colour_block(self, picture: Picture, candidates: _Candidates, *, nearby: bool) -> None:
        arrays = self._arrays
        owner = arrays.take(candidates.splat.placement, candidates.surfel)
        z_depth = candidates.splat.depth_at(candidates.pixels, candidates.surfel)
        points = self._undone(picture, picture.points(candidates.pixels, z_depth), owner)
        best, against = (arrays.full((len(owner),), 0, np.float32) for _ in range(2))
        located = {}
        for index in self._by_direction(picture.camera):
            floor = self._floor(index, owner, WEIGHT_FLOOR * best)
            located[index] = self._views[index].locate(points, floor, nearby=nearby)
            best = arrays.maximum(best, located[index].weight)
            against = arrays.maximum(against, located[index].against)
        # A view that is better placed and saw past the point outvotes those that took it for the surface. What moves
        # by itself was not there for all of them: nobody is asked to object.
        best = arrays.where((best >= against) | arrays.take(self._tables.moves, owner), best, 0.0)
        self._blend(picture, candidates, _Surface(z_depth, owner, points), located, best)

    def _blend(
        self,
        picture: Picture,
        candidates: _Candidates,  # n
        surface: _Surface,  # n
        located: dict[int, Located],  # by view
        best: Array,  # (n,) the largest weight, 0 = not confirmed
    ) -> None:
        arrays, take, count = self._arrays, self._arrays.take, len(best)
        colour, total = arrays.full((3, count), 0, np.float32), arrays.full((count,), 0, np.float32)
        main_view = arrays.full((count,), -1, np.int32)
        main_u, main_v = (arrays.full((count,), 0, np.float32) for _ in range(2))
        for index, at in located.items():
            share = arrays.at_least(arrays.where(best > 0, at.weight - WEIGHT_FLOOR * best, 0.0), 0.0)
            self._add_share(self._views[index], at, share, surface.points, into=(colour, total))
            mainly = (at.weight == best) & (best > 0)
            main_view[mainly] = int(index)
            main_u, main_v = arrays.where(mainly, at.u, main_u), arrays.where(mainly, at.v, main_v)
        seen = arrays.nonzero(total > 0)
        if candidates.repeat:
            seen = take(seen, self._last_of_each(take(candidates.pixels, seen), len(picture.covered)))
        view = take(main_view, seen)
        picture.put(
            take(candidates.pixels, seen),
            values=take(colour, seen, 1) / take(total, seen),
            z_depth=take(surface.z_depth, seen),
            owner=take(surface.owner, seen),
            confidence=arrays.clip(take(best, seen), 0.0, 1.0),
            view=view,
            uv=(take(main_u, seen), take(main_v, seen)),
            age_s=picture.age_of(take(self._tables.view_time_s, view)),
        )

    def _last_of_each(self, keys: Array, count: int) -> Array:
        """Positions of the elements that no equal one follows, for numbers below `count`."""
        arrays = self._arrays
        last, place = arrays.full((count,), 0, np.int64), -1 - arrays.positions(len(keys))
        arrays.lower(last, keys, place)
        return arrays.nonzero(arrays.take(last, keys) == place)

    def _add_share(
        self,
        view: SourceView,
        at: Located,
        share: Array,  # (n,) weight of this view's colour
        points: SurfacePoints,  # n
        *,
        into: tuple[Array, Array],  # (3, n) sum of share x colour, (n,) sum of share
    ) -> None:
        arrays, take = self._arrays, self._arrays.take
        colour, total = into
        used = arrays.nonzero(share > 0)
        if len(used) > DENSE * len(share):
            # Nearly all of them: doing all costs less than picking them out and putting them back.
            u, v = arrays.where(share > 0, at.u, 0.0), arrays.where(share > 0, at.v, 0.0)
            colour += share * view.sample(u, v, points)
            total += share
        elif len(used):
            sampled = view.sample(take(at.u, used), take(at.v, used), points.taken(arrays, used))
            share = take(share, used)
            for channel in range(3):
                colour[channel][used] += share * sampled[channel]
            total[used] += share

    def _colour_sky(self, picture: Picture) -> None:
        """Pixels without a surface take the sky from the views that saw it in that direction, best aligned first.

        Of several worlds the first one's sky goes before the others'.
        """
        if self._has_sky:
            for world in np.unique(self._worlds):
                mine = [i for i in self._by_direction(picture.camera) if self._worlds[i] == world]
                self._colour_sky_of(picture, mine)

    def _colour_sky_of(self, picture: Picture, views: list[int]) -> None:
        take, nonzero = self._arrays.take, self._arrays.nonzero
        free = self._may_be_sky(picture, views)
        for clear in (True, False):
            for index in views:
                wanted = take(free, nonzero(~take(picture.covered, free)))
                if len(wanted) == 0:
                    return
                colour, u, v, seen = self._views[index].sample_sky(take(picture.rays, wanted, 1), clear=clear)
                picture.put(
                    take(wanted, seen),
                    values=colour,
                    z_depth=np.inf,
                    owner=-1,
                    confidence=1.0,
                    view=index,
                    uv=(u, v),
                    age_s=picture.age_of(take(self._tables.view_time_s, seen * 0 + index)),
                )

    def _may_be_sky(self, picture: Picture, views: list[int]) -> Array:  # (n,) flat pixels
        """Open pixels before which the air is free, as these views say.

        That a view saw sky in a direction says nothing about what stands near the camera: a wall that no view saw would
        become sky. So a point at the depth of the surfaces around is asked for: a view has to have seen past it, unless
        it is in nobody's picture.
        """
        arrays, take = self._arrays, self._arrays.take
        wanted = arrays.nonzero(~picture.covered)
        z = take(picture.guessed_depth().reshape(-1), wanted)
        known = arrays.nonzero(arrays.is_finite(z))
        position = picture.points(take(wanted, known), take(z, known))
        looked, past = (arrays.full((len(known),), False, np.bool_) for _ in range(2))
        for index in views:
            inside, beyond = self._views[index].sees_past(position)
            looked |= inside
            past |= beyond
        free = arrays.full((len(wanted),), True, np.bool_)
        free[take(known, arrays.nonzero(looked & ~past))] = False
        return take(wanted, arrays.nonzero(free))

    def _close_gaps(self, picture: Picture) -> None:
        """Make holes of the pixels that look through an object where no view did (`mosaic_core.memory.gaps`)."""
        arrays, take, camera = self._arrays, self._arrays.take, picture.camera
        size = (camera.image_height, camera.image_width)
        labels = take(self._tables.labels, picture.owner + 1).reshape(size)
        gaps = find_gaps(labels, picture.z_depth.reshape(size), arrays)
        covered = arrays.nonzero(take(picture.covered, gaps.pixel))
        columns = (gaps.pixel, gaps.near_side, gaps.far_side, gaps.far_share)
        pixels, near, far, share = (take(column, covered) for column in columns)
        owner = take(picture.owner, far)
        points = self._undone(picture, picture.points(pixels, take(picture.z_depth, far)), owner)
        looked, past = (arrays.full((len(pixels),), False, np.bool_) for _ in range(2))
        for index, view in enumerate(self._views):
            inside, beyond = view.sees_past(points.position)
            asked = self._floor(index, owner) == 0
            looked |= inside & asked
            past |= beyond & asked
        closed = arrays.nonzero(looked & ~past)
        near, far, share = (take(column, closed) for column in (near, far, share))
        filling = take(picture.values, near, 1) * (1 - share) + take(picture.values, far, 1) * share
        picture.make_holes(take(pixels, closed), filling)

    def _by_direction(self, camera: Camera) -> list[int]:
        """Indices of the views, the one that looks most like the camera first."""
        aligned = [-float(view.camera.forward_world @ camera.forward_world) for view in self._views]
        return np.argsort(aligned, kind="stable").tolist()

    def _floor(self, index: int, owner: Array, floor: Array | float = 0.0) -> Array | float:
        """What a view's weight has to exceed to count for each placement: it never does for those of other worlds."""
        if (self._worlds == self._worlds[index]).all():
            return floor
        worlds = self._arrays.of(self._worlds)
        mine = self._arrays.take(worlds, self._arrays.take(self._tables.view, owner)) == int(self._worlds[index])
        return self._arrays.where(mine, floor, np.inf)

    def _undone(self, picture: Picture, position: Array, owner: Array) -> SurfacePoints:
        """Points of the edited world ((3, n)), carried back to where their patches were captured."""
        arrays, take, camera, tables = self._arrays, self._arrays.take, picture.camera, self._tables
        transform = take(tables.transform, owner)
        m = camera.cam_from_world[2].astype(np.float32).tolist()
        z = m[0] * position[0] + m[1] * position[1] + m[2] * position[2] + m[3]
        size, eye = z * as_float32(1 / camera.focal_px), picture.eye
        if transform.any():
            position = tables.to_captured(position, transform)
            eye = tables.to_captured(eye + arrays.full((3, len(owner)), 0, np.float32), transform)
            size = size / take(tables.scale, transform)
        return SurfacePoints(position, eye, size, transform, take(tables.object_id, owner))


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Pixels and the surfel each would show."""

    splat: Splat
    pixels: Array  # (n,) flat
    surfel: Array  # (n,) as `splat` counts them
    repeat: bool = False  # pixels may occur again, and the last one that is confirmed counts

    def taken(self, index: slice) -> _Candidates:
        return _Candidates(self.splat, self.pixels[index], self.surfel[index], self.repeat)


@dataclass(frozen=True, eq=False)
class _Surface:
    """What n candidates show."""

    z_depth: Array  # (n,)
    owner: Array  # (n,) position in the placement table
    points: SurfacePoints  # n


class _Tables:
    """What is known of each placement, transform and view, as columns where the array library wants them."""

    def __init__(self, memory: Memory, arrays: Arrays) -> None:
        placements, self._arrays = memory.placements, arrays
        every, of = np.arange(len(placements)), arrays.of
        row = placements.rows_at(every) - 1
        object_id = memory.patches.column("object_id", row)
        self.object_id, self.view = of(object_id), of(memory.patches.column("view", row))  # (N,) int32 each
        self.transform = of(placements.transform_index)  # (N,) int32
        self.moves = of((placements.flags & DYNAMIC) != 0)  # (N,) bool, by itself
        self.ids = of(np.concatenate([[0], placements.ids_at(every)]))  # (N + 1,) int64, the first stands for none
        self.labels = of(_object_labels(memory, object_id))  # (N + 1,) integers
        self.scale = of(np.cbrt(np.abs(np.linalg.det(placements.transforms[:, :3, :3]))).astype(np.float32))  # (K,)
        self.view_time_s = of(np.array([view.time_s for view in memory.views], np.float32))  # (V,)
        # Edits are undone by these: from the edited world back to the captured one. (4, 4, K)
        self._captured_from_edited = of(np.linalg.inv(placements.transforms).astype(np.float32).transpose(1, 2, 0))

    def to_captured(self, points: Array, transform: Array) -> Array:  # (3, n)
        """Undo each point's edit; points that stand where they were captured keep their bits."""
        arrays = self._arrays
        points, away = arrays.copied(points), arrays.nonzero(transform != 0)
        m = arrays.take(self._captured_from_edited, arrays.take(transform, away), 2)  # (4, 4, n)
        x, y, z = arrays.take(points, away, 1)
        for i in range(3):
            points[i, away] = m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + m[i, 3]
        return points


def _object_labels(memory: Memory, object_id: np.ndarray) -> np.ndarray:  # (N + 1,) unsigned
    """A number from 1 for each object and edit, 0 for what moves by itself: views saw it in different places.

    The first is 0 as well: it stands for nothing.
    """
    placements = memory.placements
    pairs = object_id.astype(np.int64) << 32 | placements.transform_index
    labels = np.unique(pairs, return_inverse=True)[1] + 1
    labels = np.append(0, np.where(placements.flags & DYNAMIC, 0, labels))
    # Labels of 16 bits sort fastest by far.
    return labels.astype(np.uint16 if labels.max(initial=0) < 1 << 16 else np.uint32)
