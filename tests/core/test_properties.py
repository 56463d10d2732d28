"""Laws of the memory that hold for any edits, frames and orders: Hypothesis looks for the case where one does not."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.memory import LOCKED, Memory, edits, load_memory, save_memory
from mosaic_core.memory.dirty import dirty_frames
from mosaic_core.memory.feature_readout import FeatureReader
from mosaic_core.memory.readout import MemoryReader, Readout
from mosaic_core.memory.splice import splice

from .known_scenes import BLUE, FLOOR, NAMES, RED, camera_at, placements_of, room_memory, view_of

# Readouts cost tens of milliseconds: a dozen cases a law.
LAW = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NEW_CAMERA = camera_at((0.7, -4.2, 1.9), height=45, width=80)
GRID = NEW_CAMERA.scaled_to(image_height=9, image_width=16)
metres = st.floats(-3, 3).map(lambda x: round(x, 3))
vectors = st.tuples(metres, metres, metres)
angles = st.floats(-np.pi, np.pi)


@pytest.fixture(scope="module")
def room() -> Memory:
    return room_memory(((-2.5, -5.0, 1.8), (2.5, -5.0, 1.6)), height=45, width=80)


@st.composite
def rigid_motions(draw) -> np.ndarray:  # (4, 4)
    """A turn about any axis, then a shift."""
    axis = np.array(draw(st.sampled_from([(0, 0, 1), (1, 0, 0), (0, 1, 0), (0.6, 0, 0.8)])), float)
    angle = draw(angles)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, 3] = draw(vectors)
    return matrix


@st.composite
def similarities(draw) -> np.ndarray:  # (4, 4)
    matrix = draw(rigid_motions())
    matrix[:3, :3] *= draw(st.sampled_from([0.5, 1.0, 1.7]))
    if draw(st.booleans()):
        matrix[:3, 0] *= -1
    return matrix


@st.composite
def edits_of(draw, memory: Memory) -> edits.Edit:
    """Any one edit of some of a memory's placements."""
    ids = memory.placements.ids[(memory.placements.flags & LOCKED) == 0]
    ids = placements_of(memory, draw(st.sampled_from([RED, BLUE, FLOOR]))) if draw(st.booleans()) else ids
    ids = np.intersect1d(ids, memory.placements.ids)[:: draw(st.integers(1, 3))]
    kind = draw(st.sampled_from(["transform", "copy", "delete", "hide", "show", "reset", "dynamic", "time"]))
    if kind in ("transform", "copy"):
        return getattr(edits, kind)(ids, draw(similarities()))
    if kind == "dynamic":
        return edits.set_dynamic(ids, draw(st.booleans()))
    if kind == "time":
        return edits.set_time_range(ids, since_s=draw(st.sampled_from([-np.inf, 0.0])), until_s=draw(st.floats(0.5, 9)))
    return getattr(edits, kind)(ids)


def edited_by(data: st.DataObject, memory: Memory, *, at_most: int = 4) -> list[Memory]:
    """The memory and each state after it."""
    steps = [memory]
    for _ in range(data.draw(st.integers(1, at_most), label="edits")):
        steps.append(steps[-1].edited(data.draw(edits_of(steps[-1]))))
    return steps


def features_of(memory: Memory) -> np.ndarray:  # (P, 4)
    return np.random.default_rng(0).random((len(memory.patches), 4), np.float32)


def assert_same_bits(ours: Readout, theirs: Readout, *, but: tuple[str, ...] = ()) -> None:
    for field in fields(Readout):
        if field.name not in but:
            a, b = getattr(ours, field.name), getattr(theirs, field.name)
            assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), field.name


@LAW
@given(data=st.data())
def test_undo_of_any_sequence_is_the_identity(room, data):
    steps = edited_by(data, room, at_most=8)
    memory = steps[-1]
    for earlier in reversed(steps[:-1]):
        memory = memory.undo()
        assert memory.placements.same_as(earlier.placements)
    assert_same_bits(MemoryReader(memory).rgb(NEW_CAMERA), MemoryReader(room).rgb(NEW_CAMERA))
    while memory.undone:
        memory = memory.redo()
    assert memory.placements.same_as(steps[-1].placements)


@LAW
@given(data=st.data())
def test_a_saved_memory_with_any_history_comes_back(room, data, tmp_path):
    steps = edited_by(data, room)
    memory = steps[-1].undo() if data.draw(st.booleans()) else steps[-1]
    save_memory(memory, tmp_path / "room.mosaic")
    loaded = load_memory(tmp_path / "room.mosaic")
    assert loaded.placements.same_as(memory.placements)
    assert loaded.edits == memory.edits and loaded.undone == memory.undone
    assert_same_bits(MemoryReader(loaded).rgb(NEW_CAMERA), MemoryReader(memory).rgb(NEW_CAMERA))


@LAW
@given(data=st.data(), matrix=similarities())
def test_delete_after_copy_restores(room, data, matrix):
    before = edited_by(data, room, at_most=2)[-1]
    ids = before.placements.ids[:: data.draw(st.integers(1, 5))]
    copied = before.edited(edits.copy(ids, matrix))
    restored = copied.edited(edits.delete(np.setdiff1d(copied.placements.ids, before.placements.ids)))
    assert restored.placements.same_as(before.placements)
    ours, theirs = MemoryReader(restored), MemoryReader(before)
    assert_same_bits(ours.rgb(NEW_CAMERA), theirs.rgb(NEW_CAMERA))
    assert_same_bits(ours.features(features_of(room), GRID), theirs.features(features_of(room), GRID))


@LAW
@given(data=st.data())
def test_a_compiled_search_finds_what_arrays_find(room, data):
    """After any edits, from anywhere: the loop of the GPU process and the arrays that run inside Blender."""
    pytest.importorskip("numba")
    memory = edited_by(data, room)[-1]
    eye = data.draw(st.tuples(st.floats(-4, 4), st.floats(-6, 3), st.floats(-1, 4)), label="eye")
    target = data.draw(st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-1, 3)), label="target")
    assume(np.linalg.norm(np.subtract(eye, target)[:2]) > 0.1)
    camera = camera_at(eye, target, height=9, width=16, fov_deg=data.draw(st.floats(5, 140), label="fov"))
    ours, theirs = (FeatureReader(memory, compiled=c).read(features_of(room), camera) for c in (True, False))
    assert_same_bits(ours, theirs)


@LAW
@given(data=st.data())
def test_permuting_placements_changes_nothing(room, data):
    memory = edited_by(data, room)[-1]
    table = memory.placements
    order = np.array(data.draw(st.permutations(range(len(table)))))
    permuted = edits.placements_from_parts(
        ids=order + 1,
        rows=table.rows,
        transforms=table.edited_from_captured(),
        flags=table.flags,
        time_range_s=table.time_range_s,
    )
    other = replace(memory, placements=permuted)
    ours, theirs = MemoryReader(memory), MemoryReader(other)
    assert_same_bits(ours.rgb(NEW_CAMERA), theirs.rgb(NEW_CAMERA), but=("placement_id",))
    found = (reader.features(features_of(memory), GRID) for reader in (ours, theirs))
    assert_same_bits(*found, but=("placement_id",))


@LAW
@given(matrix=rigid_motions())
def test_the_world_frame_does_not_matter(room, matrix):
    """Cameras and views turned and shifted together see the same picture, but for rounding."""

    def moved(camera: Camera) -> Camera:
        return replace(camera, world_from_cam=matrix @ camera.world_from_cam)

    elsewhere = Memory.from_views([replace(v, camera=moved(v.camera)) for v in room.views], room.object_names)
    ours, theirs = MemoryReader(room).rgb(NEW_CAMERA), MemoryReader(elsewhere).rgb(moved(NEW_CAMERA))
    assert (ours.covered == theirs.covered).mean() > 0.99
    assert (np.abs(ours.values - theirs.values).max(axis=-1) < 0.02).mean() > 0.985
    here = MemoryReader(room).features(features_of(room), GRID)
    there = MemoryReader(elsewhere).features(features_of(room), moved(GRID))
    assert (here.covered == there.covered).mean() > 0.98
    both = here.covered & there.covered
    assert (np.abs(here.z_depth - there.z_depth)[both] < 0.01 * here.z_depth[both]).mean() > 0.98


@LAW
@given(matrix=rigid_motions())
def test_moving_everything_is_moving_the_camera_the_other_way(room, matrix):
    """But for the sky, which has no place to be moved from."""
    moved = room.edited(edits.transform(room.placements.ids, matrix))
    camera = replace(NEW_CAMERA, world_from_cam=matrix @ NEW_CAMERA.world_from_cam)
    ours, theirs = MemoryReader(room).rgb(NEW_CAMERA), MemoryReader(moved).rgb(camera)
    solid = np.isfinite(ours.z_depth)
    assert (np.isfinite(theirs.z_depth) == solid).mean() > 0.985
    both = solid & np.isfinite(theirs.z_depth)
    assert (np.abs(ours.values - theirs.values).max(axis=-1)[both] < 0.02).mean() > 0.985


@pytest.mark.slow
@LAW
@given(data=st.data(), matrix=rigid_motions())
def test_a_splice_seen_where_only_the_first_is_equals_the_first(room, data, matrix):
    """Pixels that show the first memory before and after keep their bits, wherever the second is put."""
    second = Memory.from_views([view_of(camera_at((0.5, -4.0, 2.0), height=45, width=80))], NAMES)
    second = edited_by(data, second, at_most=2)[-1]
    before, after = (MemoryReader(m).rgb(NEW_CAMERA) for m in (room, splice(room, second, matrix)))
    first = np.isfinite(before.z_depth) & (after.source_view >= 0) & (after.source_view < len(room.views))
    first &= before.covered & np.isfinite(after.z_depth)
    for name in ("values", "z_depth", "confidence", "source_view", "source_uv", "age_s"):
        assert np.array_equal(getattr(before, name)[first], getattr(after, name)[first]), name


@LAW
@given(data=st.data(), matrix=rigid_motions())
def test_cells_of_a_splice_that_see_the_first_say_what_it_said(room, data, matrix):
    """Features, likewise: an id is the same number in both, and the first memory's rows come first."""
    second = Memory.from_views([view_of(camera_at((0.5, -4.0, 2.0), height=45, width=80))], NAMES)
    second = edited_by(data, second, at_most=2)[-1]
    both = splice(room, second, matrix)
    features = features_of(both)
    before = MemoryReader(room).features(features[: len(room.patches)], GRID)
    after = MemoryReader(both).features(features, GRID)
    first = (after.source_view >= 0) & (after.source_view < len(room.views))
    assert (first <= before.covered).all(), "what the second uncovers, the first must have held"
    for field in fields(Readout):
        ours, theirs = getattr(before, field.name)[first], getattr(after, field.name)[first]
        assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"), field.name


@pytest.mark.slow
@settings(LAW, max_examples=8)
@given(data=st.data())
def test_frames_that_are_not_dirty_keep_every_bit(room, data):
    places = (-4.0, -1.0, 1.5, 4.0)
    cameras = [camera_at((x, -4.5, 1.8), (x, 1.5, 0.5), height=36, width=48, fov_deg=40) for x in places]
    path = CameraPath(tuple(cameras), tuple(range(len(cameras))), fps=1.0)
    after = edited_by(data, room)[-1]
    dirty = set(dirty_frames(room, after, path))
    for index, camera in enumerate(path.cameras):
        if index not in dirty:
            now = MemoryReader(room, time_s=float(index)), MemoryReader(after, time_s=float(index))
            assert_same_bits(*(reader.rgb(camera) for reader in now), but=("placement_id",))
