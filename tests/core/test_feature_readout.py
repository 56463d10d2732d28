"""Reading features: against a slow twin, closed forms and the truth of known scenes; NumPy and torch alike."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from mosaic_core.errors import MosaicError
from mosaic_core.memory import DYNAMIC, Memory, Placements, edits
from mosaic_core.memory.feature_readout import FeatureReader
from mosaic_core.memory.patch_search import rank_of
from mosaic_core.memory.picture import Readout
from mosaic_core.memory.splatting import FARTHEST
from mosaic_core.memory.splice import splice
from mosaic_core.scenes import Box, ray_cast_view
from mosaic_core.scenes.patch_memory import patch_memory

from .known_scenes import BLUE, RED, ROOM, camera_at, placements_of, room_memory
from .reference_patches import nearest_patches

WALL = (Box((-9, 3, -9), (9, 4, 9), 1, (0.5, 0.5, 0.5)),)
FAR_WALL = (Box((-30, 8, -30), (30, 9, 30), 2, (0.5, 0.5, 0.5)),)


@pytest.fixture(scope="module")
def room() -> Memory:
    memory = room_memory()
    crate = placements_of(memory, RED)
    turned = np.array([[0, -2, 0, 0.5], [2, 0, 0, 1.0], [0, 0, 2, 0.0], [0, 0, 0, 1]], float)
    return memory.edited(
        edits.copy(crate, turned),
        edits.translate(placements_of(memory, BLUE), (-0.4, -0.5, 0.1)),
        edits.copy(crate, np.eye(4)),
    )


def ids_of(memory: Memory) -> np.ndarray:
    """Features that name the patch's object."""
    return np.eye(9, dtype=np.float32)[memory.patches.object_id]


def assert_agrees_with_twin(memory: Memory, camera) -> np.ndarray:
    reader = FeatureReader(memory)
    keys = reader._search.nearest(camera)
    fast = np.where(keys < FARTHEST, rank_of(keys), -1)
    assert np.array_equal(fast, nearest_patches(reader.placed, camera))
    return fast


@pytest.mark.parametrize(
    "camera",
    [
        camera_at((0.7, -4.2, 1.9), height=6, width=10),
        camera_at((-1.1, -0.6, 0.7), (-1.1, 1.2, 0.5), height=6, width=10),  # close to a crate
        camera_at((-1.1, 0.7, 0.5), (0, 1.2, 0.5), height=5, width=8),  # inside it: patches beside and behind
        camera_at((0, -5, 2), (0, -50, 2), height=5, width=8),  # looks away
        camera_at((0, -3, 0.0), (0, 1.5, 0.0), height=5, width=8),  # in the plane of the floor
        camera_at((0, -40, 12), height=6, width=10),  # far off: many patches a cell
    ],
    ids=["a room", "close", "inside", "away", "edge-on", "far"],
)
def test_winners_are_those_of_the_slow_twin(room, camera):
    assert_agrees_with_twin(room, camera)


@pytest.mark.parametrize("seed", range(3))
def test_random_patches_agree_with_the_slow_twin(seed):
    """A cloud of patches seen from anywhere, from inside it as well."""
    generator = np.random.default_rng(seed)
    views = [
        camera_at(generator.uniform(-2, 2, 3), generator.uniform(-6, 6, 3), height=32, width=48, fov_deg=70)
        for _ in range(30)
    ]
    boxes = [
        Box(tuple(p), tuple(p + generator.uniform(0.3, 2, 3)), 1, (1, 1, 1)) for p in generator.uniform(-6, 5, (40, 3))
    ]
    memory = patch_memory(views, boxes, depth_noise=0.02)
    camera = camera_at(generator.uniform(-3, 3, 3), generator.uniform(-3, 3, 3), height=6, width=9, fov_deg=90)
    assert (assert_agrees_with_twin(memory, camera) >= 0).any()


def test_no_placements_are_no_readout(room):
    empty = room.edited(edits.delete(room.placements.ids))
    readout = FeatureReader(empty).read(ids_of(room), camera_at((0.7, -4.2, 1.9), height=6, width=10))
    assert not readout.covered.any() and not readout.values.any()
    assert np.isinf(readout.z_depth).all() and (readout.placement_id == 0).all()
    assert np.isnan(readout.source_uv).all() and (readout.source_view == -1).all()


@pytest.mark.slow
def test_of_equal_depths_the_lower_patch_wins():
    """Thousands of views from one place: everything is where everything else is, and the first view is what is seen."""
    camera = camera_at((0, -2, 1), (0, 3, 1), height=32, width=48)
    memory = patch_memory([camera] * 2000, WALL)
    readout = FeatureReader(memory).read(ids_of(memory), camera.scaled_to(image_height=2, image_width=3))
    assert readout.covered.all() and (readout.source_view == 0).all()


def test_of_many_in_one_cell_the_nearest_wins():
    """Views further and further back from walls nearer and nearer: the nearest wall is known in closed form."""
    views, memory = [], None
    camera = camera_at((0, -2, 1), (0, 3, 1), height=16, width=16, fov_deg=20)
    for i in range(40):
        wall = (Box((-9, 2 + 0.05 * ((i * 17) % 40), -9), (9, 5, 9), 1, (1, 1, 1)),)
        part = patch_memory([camera] * 50, wall)
        views.append(part.patches)
        memory = part
    joined = views[0]
    for patches in views[1:]:
        joined = joined.followed_by(patches)

    memory = replace(memory, patches=joined, written=Placements.of_rows(np.arange(1, len(joined) + 1)), placements=None)
    readout = FeatureReader(memory).read(
        np.arange(len(joined), dtype=np.float32)[:, None], camera.scaled_to(image_height=1, image_width=1)
    )
    assert readout.values.ravel() == [0] and np.allclose(readout.z_depth, 4, rtol=1e-3)


@pytest.mark.parametrize("distance", [5.0, 2.5, 1.0, 0.1])
def test_coming_closer_opens_no_holes_and_shows_nothing_behind(distance):
    """Regression of one-pixel splats: at half the distance a quarter of the cells was open or showed the wall."""
    views = [camera_at((x, -2, 1), (x, 3, 1), height=176, width=320) for x in (-1.0, 0.0, 1.0)]
    near, far = patch_memory(views, WALL), patch_memory(views, FAR_WALL)
    memory = splice(near, far, np.eye(4))
    readout = FeatureReader(memory).read(
        ids_of(memory), camera_at((0, 3 - distance, 1), (0, 3, 1), height=22, width=40)
    )
    assert readout.covered.all()
    assert (readout.values.argmax(axis=-1) == 1).all()
    assert np.allclose(readout.z_depth, distance, rtol=1e-3)


def test_permuting_placements_changes_nothing_but_their_names(room):
    """Copies in place of the originals get other ids, and the table another order."""
    camera = camera_at((0.7, -4.2, 1.9), height=18, width=32)
    everything = room.placements.ids
    generator = np.random.default_rng(0)
    renamed = room
    for part in np.array_split(generator.permutation(everything), 5):
        renamed = renamed.edited(edits.copy(np.sort(part), np.eye(4)))
    renamed = renamed.edited(edits.delete(everything))
    ours, theirs = (FeatureReader(m).read(ids_of(room), camera) for m in (room, renamed))
    for field in fields(Readout):
        if field.name != "placement_id":
            assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name), equal_nan=True), field.name


def test_an_edit_elsewhere_keeps_every_bit(room):
    camera = camera_at((0.7, -4.2, 1.9), height=36, width=64)
    before = FeatureReader(room).read(ids_of(room), camera)
    edited = room.edited(edits.delete(placements_of(room, BLUE)))
    after = FeatureReader(edited).read(ids_of(room), camera)
    was_blue = before.values[..., BLUE] > 0
    assert was_blue.any() and not (after.values[..., BLUE] > 0).any()
    for field in fields(Readout):
        kept = [getattr(r, field.name)[~was_blue] for r in (before, after)]
        assert np.array_equal(*kept, equal_nan=True), field.name


@pytest.mark.slow
def test_source_coordinates_are_fractional_and_right(room):
    memory = room_memory(height=352, width=640)
    view = memory.views[1]
    grid = view.camera.scaled_to(image_height=11, image_width=20)
    readout = FeatureReader(memory).read(ids_of(memory), grid)
    own = readout.source_view == 1
    assert own.mean() > 0.1
    assert np.abs(readout.source_uv - grid.pixel_centres() * 32)[own].max() < 1e-2
    truth = np.abs(readout.z_depth - view.z_depth[16::32, 16::32])[own] / readout.z_depth[own]
    assert np.quantile(truth, 0.8) < 0.01


def trust(memory: Memory, camera, **when) -> float:
    readout = FeatureReader(memory).read(ids_of(memory), camera, **when)
    assert readout.covered.all() and ((readout.confidence >= 0) & (readout.confidence <= 1)).all()
    return float(readout.confidence.mean())


@pytest.fixture(scope="module")
def wall() -> Memory:
    return Memory.from_views([ray_cast_view(camera_at((0, -2, 0), (0, 3, 0), height=144, width=256), WALL)])


def test_the_capturing_camera_is_sure(wall):
    camera = wall.views[0].camera
    assert trust(wall, camera.scaled_to(image_height=9, image_width=16)) > 0.999


def test_confidence_falls_with_angle_and_with_nearness(wall):
    from_side = camera_at((3, 0.5, 0), (0, 3, 0), height=9, width=16, fov_deg=20)
    near = camera_at((0, 0.5, 0), (0, 3, 0), height=16, width=16, fov_deg=4.135)  # the view's focal length
    assert trust(wall, from_side) < 0.2
    assert 0.2 < trust(wall, near) < 0.3, "half the distance is a quarter of the pixels"


def test_confidence_falls_with_age_and_faster_for_what_moves(wall):
    camera = wall.views[0].camera.scaled_to(image_height=9, image_width=16)
    later = trust(wall, camera, time_s=2.0)
    assert 0.99 < later < 1
    moving = wall.edited(edits.set_dynamic(wall.placements.ids))
    assert (moving.placements.flags & DYNAMIC).all()
    assert trust(moving, camera, time_s=2.0) == pytest.approx(0.5 * trust(wall, camera), rel=0.02)


def test_confidence_falls_where_the_view_saw_another_depth(wall):
    view = wall.views[0]
    z_depth = view.z_depth * np.float32(1.05)
    doubted = replace(wall, views=(replace(view, z_depth=z_depth),))
    assert trust(doubted, view.camera.scaled_to(image_height=9, image_width=16)) < 0.01


def test_features_need_a_row_a_patch(room):
    camera = camera_at((0.7, -4.2, 1.9), height=6, width=10)
    for wrong in (np.zeros((3, 2), np.float32), np.zeros(len(room.patches), np.float32)):
        with pytest.raises(MosaicError, match="feature row"):
            FeatureReader(room).read(wrong, camera)


def test_the_memory_is_read_without_torch():
    code = "import sys, mosaic_core.memory, mosaic_core.memory.readout; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_room_is_shown(room):
    assert len(ROOM) == 4  # the twin tests above are about a room with these boxes, twice the red one
    camera = camera_at((0.7, -4.2, 1.9), height=18, width=32)
    shown = FeatureReader(room).read(ids_of(room), camera).values.argmax(axis=-1)
    assert {1, 2, RED, BLUE} <= set(shown.ravel())
