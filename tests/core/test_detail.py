"""Which surfels a camera needs: coarser ones show the same, and an edit changes none that it does not touch."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from mosaic_core.memory import Memory, edits
from mosaic_core.memory.detail import PlacedSurfels, placed_surfels, spans
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.splatting import Splat
from mosaic_core.memory.surfels import Surfels
from mosaic_core.memory.view_surfels import DETAIL_LEVELS, view_surfels
from tests.masks import dilated

from .known_scenes import BLUE, RED, ROOM, WALL, camera_at, placements_of, room_memory, view_of

FINE = {"height": 180, "width": 320}
FAR = camera_at((0.7, -5.2, 1.9), height=36, width=64)
TURNED = np.array([[0, -1.3, 0, 0.4], [1.3, 0, 0, -0.5], [0, 0, 1.3, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def room() -> Memory:
    return room_memory(**FINE)


@pytest.fixture(scope="module")
def placed(room) -> PlacedSurfels:
    return placed_of(room)


def placed_of(memory: Memory) -> PlacedSurfels:
    return placed_surfels(memory, memory.placements.visible)


def by_placement(memory: Memory, camera) -> dict[int, tuple[bytes, ...]]:
    """The bits of what each placement gives the camera."""
    placed = placed_of(memory)
    chosen = placed.chosen(camera)
    surfels, ids = placed.surfels.taken(chosen.index), memory.placements.ids[placed.surfels.placement[chosen.index]]
    columns = [getattr(surfels, f.name) for f in fields(Surfels) if f.name != "placement"]
    columns += [chosen.half_u, chosen.half_v]
    return {int(i): tuple(column[..., ids == i].tobytes() for column in columns) for i in np.unique(ids)}


def test_each_level_stands_for_the_same_pixels(room):
    surfels = view_surfels(room.views[0], room.pixel_rows[0])
    pixels = np.bincount(room.pixel_rows[0][np.isfinite(room.views[0].z_depth)])[surfels.rows]
    for level in range(DETAIL_LEVELS):
        at = spans(surfels.starts[level], surfels.counts[level])
        patch = np.repeat(np.arange(len(surfels.rows)), surfels.counts[level])
        assert np.array_equal(np.bincount(patch, surfels.side_px[at] ** 2), pixels)
        assert surfels.side_px[at].max() == 1 << level
    assert surfels.counts[1].sum() < 0.4 * surfels.counts[0].sum()
    assert surfels.counts[2].sum() < 0.25 * surfels.counts[0].sum()


def test_what_a_block_is_made_of_lies_on_its_plane(room):
    surfels = view_surfels(room.views[0], room.pixel_rows[0])
    for level in range(1, DETAIL_LEVELS):
        at = spans(surfels.starts[level], surfels.counts[level])
        at = at[surfels.side_px[at] == 1 << level]
        points = surfels.points_world[:, surfels.child[at][:, None] + np.arange(4)]  # (3, n, 4)
        off = (surfels.plane_world[:3, at, None] * points).sum(axis=0) - surfels.plane_world[3, at, None]
        assert np.abs(off).max() < 0.005
        assert np.abs(points.mean(axis=-1) - surfels.points_world[:, at]).max() < 0.05


def test_a_coarse_camera_gets_coarse_surfels_and_a_fine_one_pixels(placed):
    coarse = placed.side_px[placed.chosen(FAR).index]
    assert (coarse == 4).mean() > 0.1 and (coarse > 1).mean() > 0.5
    fine = placed.side_px[placed.chosen(camera_at((0.7, -3.5, 1.9), height=360, width=640)).index]
    assert (fine == 1).all()


def test_coarse_surfels_leave_the_surface_closed(room, placed):
    """Every cell of a flat wall is covered, from every distance and turn: nothing behind can show through."""
    wall = np.isin(room.placements.ids, placements_of(room, WALL))
    alone = placed_surfels(room, wall)
    for x in np.linspace(-3.1, 2.9, 5):
        for height in (18, 29, 41, 60):
            camera = camera_at((x, -4.0, 1.5), (0.3 * x, 5.0, 1.8), height=height, width=16 * height // 9, fov_deg=30)
            chosen = alone.chosen(camera)
            shows = Splat(alone.surfels, camera, chosen=chosen).nearest() >= 0
            assert alone.side_px[chosen.index].max() > 1
            assert shows[_seen_well(room, camera)].all(), (x, height)


def _seen_well(room: Memory, camera) -> np.ndarray:  # (H * W,) bool
    """Cells in whose middle a view saw the wall, and nothing else within two of its pixels."""
    truth = view_of(camera, ROOM)
    at_wall = np.flatnonzero(~dilated(truth.object_ids != WALL, 2))
    points = camera.unproject(camera.pixel_centres().reshape(-1, 2)[at_wall], truth.z_depth.ravel()[at_wall])
    seen = np.zeros(truth.object_ids.size, bool)
    for view in room.views:
        uv, z = view.camera.project(points)
        height, width = view.object_ids.shape
        inside = (z > 0) & (uv >= 3).all(axis=-1) & (uv < [width - 3, height - 3]).all(axis=-1)
        column, row = uv[inside].astype(int).T
        seen[at_wall[inside]] |= ~dilated(view.object_ids != WALL, 2)[row, column]
    assert seen.sum() > 0.3 * len(at_wall)
    return seen


def test_patches_out_of_the_picture_are_left_out(room, placed):
    camera = camera_at((0, -5, 1), (-1.1, 0.7, 0.5), fov_deg=8, height=36, width=64)
    chosen = placed.chosen(camera).index
    assert 0 < len(chosen) < 0.15 * len(placed.surfels)
    everything = Splat(placed.surfels, camera)
    at_pixels = everything.surfel[placed.side_px[everything.surfel] == 1]
    shown = set(placed.surfels.placement[at_pixels[placed.surfels.placement[at_pixels] >= 0]])
    assert shown <= set(placed.surfels.placement[chosen]), "what reaches the picture is among them"
    assert len(placed.chosen(camera_at((0, -5, 1), (0, -50, 1))).index) == 0


@pytest.mark.parametrize("camera", [FAR, camera_at((0.2, -4, 1.5), height=90, width=160)], ids=["far", "near"])
@pytest.mark.parametrize(
    "edit",
    [
        lambda m: edits.delete(placements_of(m, RED)),
        lambda m: edits.transform(placements_of(m, BLUE), TURNED),
        lambda m: edits.copy(placements_of(m, RED)[::2], TURNED),
        lambda m: edits.hide(m.placements.ids[::3]),
    ],
    ids=["delete", "turn", "copy some", "hide every third"],
)
def test_an_edit_changes_no_surfel_of_what_it_does_not_touch(room, camera, edit):
    changed = room.edited(edit(room))
    before, after = by_placement(room, camera), by_placement(changed, camera)
    same = np.intersect1d(room.placements.ids, changed.placements.ids)
    for name in ("rows", "flags", "transform_index"):
        at = (getattr(m.placements, name)[m.placements.indices_of(same)] for m in (room, changed))
        same = same[np.equal(*at)]
    assert len(same) and len(before)
    assert {i: before[i] for i in same if i in before} == {i: after[i] for i in same if i in after}


def test_moved_patches_take_all_their_levels_along(room):
    moved = placed_of(room.edited(edits.transform(room.placements.ids, TURNED)))
    still = placed_of(room)
    assert np.array_equal(np.sort(moved.counts), np.sort(still.counts))
    for level in range(DETAIL_LEVELS):
        at, home = (spans(p.starts[level], p.counts[level]) for p in (moved, still))
        points = TURNED[:3, :3] @ still.surfels.points_world[:, home] + TURNED[:3, 3:]
        assert np.allclose(moved.surfels.points_world[:, at], points, atol=1e-4)
        assert np.allclose(moved.surfels.size_m[at], 1.3 * still.surfels.size_m[home], rtol=1e-5)
        parts = moved.surfels.placement[moved.child[at]]
        assert np.array_equal(parts, moved.surfels.placement[at]), "made of surfels of the same placement"


def test_a_smaller_picture_shows_what_a_larger_one_does(room):
    reader, truth = MemoryReader(room), view_of(FAR)
    readout = reader.rgb(FAR)
    edge = np.zeros(truth.object_ids.shape, bool)
    edge[:, 1:] |= truth.object_ids[:, 1:] != truth.object_ids[:, :-1]
    edge[1:] |= truth.object_ids[1:] != truth.object_ids[:-1]
    inside = ~dilated(edge) & readout.covered & np.isfinite(truth.z_depth) & np.isfinite(readout.z_depth)
    assert readout.covered.mean() > 0.97
    error = np.abs(readout.z_depth[inside] - truth.z_depth[inside]) / truth.z_depth[inside]
    assert np.quantile(error, 0.99) < 1e-3
    assert -10 * np.log10(((readout.values - truth.rgb / 255)[inside] ** 2).mean()) > 37
