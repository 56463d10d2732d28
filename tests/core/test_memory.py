"""Lifting, edits, history and the file, on a room whose every pixel is known."""

from __future__ import annotations

import numpy as np
import pytest

from mosaic_core.cameras.camera import Camera
from mosaic_core.errors import EditError, MemoryFileError, MosaicError
from mosaic_core.memory import Memory, View, edits, load_memory, load_placements, save_memory, save_placements

from .known_scenes import BLUE, NAMES, RED, camera_at, placements_of, room_memory, view_of


@pytest.fixture(scope="module")
def room() -> Memory:
    return room_memory()


def test_a_patch_never_mixes_two_objects(room):
    for view, rows in zip(room.views, room.pixel_rows, strict=True):
        seen = rows > 0
        assert (room.patches.object_id[rows[seen] - 1] == view.object_ids[seen]).all()


def test_every_pixel_of_known_depth_belongs_to_exactly_one_patch(room):
    for view, rows in zip(room.views, room.pixel_rows, strict=True):
        assert ((rows > 0) == view.valid).all()
    counts = np.bincount(np.concatenate([rows.ravel() for rows in room.pixel_rows]), minlength=len(room.patches) + 1)
    assert (counts[1:] == room.patches.pixel_count).all()


def test_patches_lie_on_the_surface_they_were_cut_from(room):
    """Of the red crate's patches, all but slivers on its edges keep their centre on one of its faces."""
    low, high = np.array([-1.6, 0.2, 0.0]), np.array([-0.6, 1.2, 1.0])
    mine = (room.patches.object_id == RED) & (room.patches.pixel_count >= 8)
    centres = room.patches.centre_world[mine]
    outside = np.maximum(np.maximum(low - centres, centres - high), 0).max(axis=1)
    inside = np.minimum(np.minimum(centres - low, high - centres).min(axis=1), 1)
    assert outside.max() < 0.02
    assert np.median(np.abs(inside)) < 0.01


def test_two_depth_layers_of_one_object_are_two_patches():
    """Regression of the averaged depth: a step of the same object within a cell must not be lifted into mid-air."""
    camera = camera_at((0, -5, 1), height=16, width=16)
    z_depth = np.full((16, 16), 2.0, np.float32)
    z_depth[:, 8:] = 6.0
    ones = np.ones((16, 16), np.int32)
    no = np.zeros((16, 16), bool)
    view = View(camera, np.zeros((16, 16, 3), np.uint8), z_depth, ones, no, no)
    memory = Memory.from_views([view], {1: "Step"})
    _, depth_of_centres = camera.project(memory.patches.centre_world.astype(np.float64))
    assert sorted(depth_of_centres.round(3)) == [2.0, 6.0]


def test_ground_that_reaches_the_horizon_stays_before_its_camera():
    """Regression: the corners of such patches were extrapolated past infinity, behind the camera that saw them."""
    camera = camera_at((0, 0, 1.7), target=(0, 10, 1.7), height=32, width=32)
    rays = camera.rays_world(camera.pixel_centres())
    below = rays[..., 2] < 0
    z_depth = np.where(below, -1.7 / np.where(below, rays[..., 2], -1), np.inf).astype(np.float32)
    z_depth[16, :4] = 2000.0  # a pixel row whose depth says as good as nothing, as half precision leaves it
    no = np.zeros((32, 32), bool)
    view = View(camera, np.zeros((32, 32, 3), np.uint8), z_depth, below.astype(np.int32), no, ~below)
    memory = Memory.from_views([view], {1: "Ground"})
    ground = memory.patches.object_id == 1
    _, corners = camera.project(memory.patches.quad_world[ground].astype(np.float64))
    assert ground.sum() >= 2 and (corners > 0).all()


def test_a_grazing_floor_is_not_shredded_into_layers(room):
    floor = room.patches.object_id == 1
    cells = np.column_stack([room.patches.view, room.patches.cell_yx])[floor]
    assert len(np.unique(cells, axis=0)) == floor.sum(), "one patch a cell"


def test_sky_has_directions_and_no_place(room):
    sky = room.patches.sky
    assert sky.any()
    assert np.isnan(room.patches.quad_world[sky]).all()
    assert np.allclose(np.linalg.norm(room.patches.centre_world[sky], axis=1), 1, atol=1e-5)


def test_unknown_depth_belongs_to_no_patch():
    camera = camera_at((0, -5, 1), height=16, width=16)
    no = np.zeros((16, 16), bool)
    unknown = np.full((16, 16), np.inf, np.float32)
    memory = Memory.from_views([View(camera, np.zeros((16, 16, 3), np.uint8), unknown, np.zeros((16, 16)), no, no)])
    assert len(memory.patches) == 0 and not memory.pixel_rows[0].any()


def test_copy_adds_delete_drops_and_the_patches_stay(room):
    red, blue = placements_of(room, RED), placements_of(room, BLUE)
    shift = np.eye(4)
    shift[0, 3] = 2
    edited = room.edited(edits.copy(red, shift), edits.delete(blue))
    assert len(edited.placements) == len(room.placements) + len(red) - len(blue)
    assert edited.patches is room.patches
    copies = placements_of(edited, RED)[len(red) :]
    at = edited.placements.indices_of(copies)
    assert np.allclose(edited.placements.edited_from_captured(at)[:, 0, 3], 2)


def test_undo_and_redo_restore_every_bit(room):
    red = placements_of(room, RED)
    steps = [room]
    for edit in (edits.translate(red, (0.1, 0.2, 0.3)), edits.hide(red[:3]), edits.delete(red[3:5])):
        steps.append(steps[-1].edited(edit))
    memory = steps[-1]
    for expected in reversed(steps[:-1]):
        memory = memory.undo()
        assert memory.placements.same_as(expected.placements)
    for expected in steps[1:]:
        memory = memory.redo()
        assert memory.placements.same_as(expected.placements)
    with pytest.raises(EditError, match="nothing to redo"):
        memory.redo()
    with pytest.raises(EditError, match="nothing to undo"):
        room.undo()


def test_reset_brings_moved_patches_back_exactly(room):
    red = placements_of(room, RED)
    moved = room.edited(edits.translate(red, (1, 2, 3)))
    assert moved.edited(edits.reset(red)).placements.same_as(room.placements)


def test_locked_placements_refuse_edits(room):
    red = placements_of(room, RED)
    locked = room.edited(edits.lock(red))
    with pytest.raises(EditError, match="locked"):
        locked.edited(edits.delete(red))
    assert len(locked.edited(edits.unlock(red), edits.delete(red)).placements) == len(room.placements) - len(red)


def test_a_native_edit_is_logged_as_the_difference(room):
    """Whatever was done by other tools, one `replace` edit leads from the old table to the new one."""
    red, blue = placements_of(room, RED), placements_of(room, BLUE)
    target = room.edited(edits.translate(red, (1, 0, 0)), edits.copy(blue, np.eye(4)), edits.delete(blue))
    logged = room.with_placements(target.placements, author="test")
    assert logged.placements.same_as(target.placements)
    assert len(logged.edits) == 1 and logged.edits[0].author == "test"
    assert logged.undo().placements.same_as(room.placements)


@pytest.mark.parametrize(
    "matrix",
    [np.full((4, 4), np.nan), np.diag([1.0, 2.0, 1.0, 1.0]), np.diag([0.0, 0.0, 0.0, 1.0]), np.eye(3)],
    ids=["nan", "stretched", "collapsed", "3x3"],
)
def test_impossible_transforms_are_refused(room, matrix):
    with pytest.raises(EditError):
        room.edited(edits.transform(placements_of(room, RED), matrix))


def test_unknown_ids_are_refused_by_name(room):
    with pytest.raises(EditError, match="no placement 999999"):
        room.edited(edits.delete([999999]))


def test_views_added_later_keep_earlier_edits(room):
    red = placements_of(room, RED)
    edited = room.edited(edits.delete(red))
    grown = edited.with_views([view_of(camera_at((0, -3, 3)), name="Late")], NAMES)
    assert len(grown.views) == 4
    assert not np.isin(red, grown.placements.ids).any()
    assert len(placements_of(grown, RED)) > 0, "the new view shows the crate again"
    assert set(room.placements.ids) <= set(grown.undo().placements.ids)


def test_ids_that_mean_another_object_are_refused(room):
    with pytest.raises(MosaicError, match="Red Crate"):
        room.with_views([], {RED: "Something else"})


def test_a_saved_memory_comes_back_bit_for_bit(room, tmp_path):
    edited = room.edited(edits.translate(placements_of(room, RED), (0.1, 0, 0))).edited(
        edits.delete(placements_of(room, BLUE))
    )
    edited = edited.undo()
    save_memory(edited, tmp_path / "room.mosaic")
    loaded = load_memory(tmp_path / "room.mosaic")
    assert loaded.placements.same_as(edited.placements)
    assert loaded.redo().placements.same_as(edited.redo().placements)
    assert loaded.object_names == room.object_names
    for ours, theirs in zip(room.views, loaded.views, strict=True):
        for name in ("rgb", "z_depth", "object_ids", "dynamic", "sky"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
        assert np.array_equal(ours.camera.world_from_cam, theirs.camera.world_from_cam)
        assert (ours.name, ours.time_s, ours.source) == (theirs.name, theirs.time_s, theirs.source)
    assert np.array_equal(loaded.patches.quad_world, room.patches.quad_world, equal_nan=True)


def test_equal_memories_are_equal_files(room, tmp_path):
    save_memory(room, tmp_path / "a.mosaic")
    save_memory(load_memory(tmp_path / "a.mosaic"), tmp_path / "b.mosaic")
    assert (tmp_path / "a.mosaic").read_bytes() == (tmp_path / "b.mosaic").read_bytes()


def test_placements_travel_alone(room, tmp_path):
    edited = room.edited(edits.translate(placements_of(room, RED), (0.1, 0, 0)))
    save_placements(edited.placements, tmp_path / "p.npz")
    assert load_placements(tmp_path / "p.npz").same_as(edited.placements)


def test_bad_memory_files_end_in_one_sentence(room, tmp_path):
    good = tmp_path / "good.mosaic"
    save_memory(room, good)
    data = good.read_bytes()
    files = {
        "there is no file": None,
        "truncated": data[: len(data) // 2],
        "corrupted": data[:3000] + bytes(200) + data[3200:],
        "not a mosaic-memory": b"RIFF" + bytes(100),
        "newer": None,
    }
    for expected, content in files.items():
        file = tmp_path / f"{expected.replace(' ', '_')}.mosaic"
        if content is not None:
            file.write_bytes(content)
        if expected == "newer":
            _with_schema_version(good, file, 99)
        with pytest.raises(MemoryFileError, match=expected) as caught:
            load_memory(file)
        assert "\n" not in str(caught.value)


def test_a_failed_save_keeps_the_old_file(room, tmp_path, monkeypatch):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(MemoryFileError, match="No space left"):
        save_memory(room.edited(edits.delete(placements_of(room, RED))), file)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["room.mosaic"]


def test_views_refuse_arrays_of_the_wrong_shape():
    camera = Camera.from_fov(np.eye(4), fov_deg=60, image_height=4, image_width=6)
    no = np.zeros((4, 6), bool)
    with pytest.raises(MosaicError, match=r"z_depth must have shape \(4, 6\), got \(6, 4\)"):
        View(camera, np.zeros((4, 6, 3), np.uint8), np.ones((6, 4)), np.zeros((4, 6)), no, no)
    with pytest.raises(MosaicError, match="positive or inf"):
        View(camera, np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6)), np.zeros((4, 6)), no, no)


def _with_schema_version(source, target, version):
    import json
    import zipfile

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                data = json.dumps({**json.loads(data), "schema_version": version}).encode()
            new.writestr(name, data)
