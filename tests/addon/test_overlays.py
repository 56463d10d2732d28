"""What is drawn over the viewport, without a window: the colours, the lines, and when anything is made anew."""

from __future__ import annotations

import json
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Vector

from mosaic_core.memory import save_placements
from tests.core.known_scenes import BLUE, RED, room_memory

from .job_scenes import make_take, ready_scene
from .memory_scenes import built, edit_mode, ints, moved_by, object_mode, select_object


@pytest.fixture
def scene(tmp_path):
    """A memory, a path past it, and the overlays' own state new."""
    return ready_scene(tmp_path)


def view():
    return bpy.context.window_manager.mosaic_view


def drawn_now():
    """What the overlays show once everything they asked for is there."""
    from blender_addon.overlay import show, supply

    for _ in range(6):
        show.prepared(bpy.context)
        if bpy.context.scene.mosaic.memory is not None:
            show.colours_of(bpy.context.scene.mosaic.memory)
        supply.settle()
    return show.prepared(bpy.context)


def colours(mode: str) -> np.ndarray | None:
    from blender_addon.overlay import show

    view().colour_mode = mode
    drawn_now()
    return show.colours_of(bpy.context.scene.mosaic.memory)


def legend_text() -> str:
    return "\n".join(
        f"{legend.title}\n" + "\n".join(text for _, text in legend.entries) for legend in drawn_now().legends
    )


def test_captured_pixels_need_no_colours(scene):
    assert colours("CAPTURED") is None
    assert drawn_now().lines == () and drawn_now().legends == ()


def test_each_view_has_its_own_colour_and_a_line_in_the_legend(scene):
    rgba = colours("VIEW")
    views = ints(scene[0], "view")
    assert rgba.shape == (len(views), 4)
    assert len(np.unique(rgba, axis=0)) == 3
    for number in range(3):
        assert len(np.unique(rgba[views == number], axis=0)) == 1
    assert "View 0" in legend_text() and "View 2" in legend_text()


def test_age_runs_from_the_oldest_view_to_the_newest(scene):
    rgba, views = colours("AGE"), ints(scene[0], "view")
    brightness = [rgba[views == number, :3].sum(axis=1).mean() for number in range(3)]
    assert brightness[0] < brightness[1] < brightness[2], "the newest is brightest"
    assert "2 s before the newest view" in legend_text()


def test_a_patch_of_a_generated_view_is_told_from_a_captured_one(tmp_path):
    from dataclasses import replace

    from mosaic_core.memory import Memory

    views = list(room_memory().views)
    obj, _ = built(tmp_path, Memory.from_views([views[0], replace(views[1], source="generated")]))
    bpy.context.scene.mosaic.memory = obj
    rgba, of_view = colours("SOURCE"), ints(obj, "view")
    assert not np.array_equal(rgba[of_view == 0][0], rgba[of_view == 1][0])
    text = legend_text()
    assert "captured" in text and "generated" in text and "imported" not in text


def test_coverage_and_confidence_tell_what_the_path_sees_from_what_it_never_does(scene):
    from blender_addon.overlay.ramps import GREY

    memory_obj, camera = scene
    for mode in ("COVERAGE", "CONFIDENCE"):
        seen = (colours(mode) != np.array(GREY, np.float32)).any(axis=1)
        assert seen[ints(memory_obj, "object_id") == RED].mean() > 0.8
    camera.animation_data_clear()
    camera.location = (0, -5.2, 2)
    camera.rotation_euler = (Vector((-30, -5, 2)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.view_layer.update()
    seen = (colours("COVERAGE") != np.array(GREY, np.float32)).any(axis=1)
    assert not seen[ints(memory_obj, "object_id") == RED].any(), "turned away"
    view().show_holes = True
    assert "Holes: 100.0% of the path" in legend_text()


def test_conflicting_patches_stand_out(tmp_path):
    from mosaic_core.memory import Memory
    from tests.core.known_scenes import ROOM, camera_at, view_of

    views = [view_of(camera_at((0.0, -5.5, 2.2)), ROOM, time_s=0.0), view_of(camera_at((0.0, -5.5, 2.2)), ROOM[:2])]
    obj, _ = built(tmp_path, Memory.from_views(views))
    bpy.context.scene.mosaic.memory = obj
    rgba = colours("CONFLICTS")
    crates = np.isin(ints(obj, "object_id"), (RED, BLUE)) & (ints(obj, "view") == 0)
    usual = rgba[~crates & (ints(obj, "view") == 0)]
    assert (rgba[crates, 0] > 0.7).mean() > 0.5 and (usual[:, 0] < 0.5).mean() > 0.8
    assert "a later view sees past it" in legend_text()


def take_of(folder, memory_obj) -> None:
    """A take that was made from the memory as it is now."""
    from blender_addon.memory.read import placements_from_object
    from blender_addon.memory.store import absolute_path

    make_take(folder)
    (folder / "shot").mkdir()
    save_placements(placements_from_object(memory_obj), folder / "shot" / "placements.npz")
    shot = {
        "memory_file": str(absolute_path(memory_obj)),
        "path_file": "path.json",
        "placements_file": str(folder / "shot" / "placements.npz"),
        "memory_sha256": memory_obj.mosaic.memory_sha256,
        "engine": "preview",
        "seed": 0,
        "prompts": [],
    }
    (folder / "manifest.json").write_text(json.dumps({"shot": shot}), encoding="utf-8")


def test_what_changed_since_the_newest_take_is_coloured(scene, tmp_path):
    from blender_addon.memory.change import delete_faces, duplicate_faces, transform_faces

    memory_obj = scene[0]
    assert colours("CHANGED") is None
    assert "there is no take yet" in legend_text()
    take_of(tmp_path / "takes" / "take_0001", memory_obj)
    assert len(np.unique(colours("CHANGED"), axis=0)) == 1
    assert "Nothing changed since take_0001" in legend_text()
    select_object(memory_obj, RED)
    red = np.flatnonzero(ints(memory_obj, "object_id") == RED)
    transform_faces(memory_obj, red, moved_by((0.5, 0, 0)))
    blue = np.flatnonzero(ints(memory_obj, "object_id") == BLUE)
    duplicate_faces(memory_obj, blue[:4])
    delete_faces(memory_obj, blue[4:6])
    bpy.context.view_layer.update()
    rgba = colours("CHANGED")
    assert len(rgba) == len(memory_obj.data.polygons)
    plain = rgba[ints(memory_obj, "object_id") == 1][0]
    moved = rgba[ints(memory_obj, "object_id") == RED]
    assert (moved[:, 2] > 0.9).all() and not np.array_equal(moved[0], plain)
    assert (rgba[-4:, 1] > 0.8).all(), "the copies count as added"
    text = legend_text()
    assert f"moved or altered: {len(red)}" in text and "added: 4" in text and "gone: 2" in text
    assert sum(len(lines) for lines in drawn_now().lines) == 3 * 2, "a cross where each deleted patch stood"


def test_native_edits_in_edit_mode_are_followed(scene, tmp_path):
    memory_obj = scene[0]
    take_of(tmp_path / "takes" / "take_0001", memory_obj)
    colours("CHANGED")
    select_object(memory_obj, RED)
    edit_mode(memory_obj)
    bpy.ops.transform.translate(value=(0.5, 0, 0))
    bpy.context.view_layer.update()
    object_mode()
    assert (colours("CHANGED")[ints(memory_obj, "object_id") == RED, 2] > 0.9).all()


def test_drawing_in_edit_mode_only_reads(scene, monkeypatch):
    from blender_addon.memory import faces
    from blender_addon.overlay import show

    view().colour_mode, view().show_holes, view().show_frusta = "COVERAGE", True, True
    drawn_now()
    edit_mode(scene[0])
    show._drawing.key = None
    # A mesh in Edit Mode is read through a copy, which is not for drawing to make.
    monkeypatch.setattr(faces, "readable_mesh", lambda _: pytest.fail("a copy of the mesh was made"))
    assert len(show.prepared(bpy.context).lines) == 2 and show.colours_of(scene[0]) is None
    monkeypatch.undo()
    object_mode()


def test_frusta_and_path_are_lines_in_the_world(scene):
    camera = scene[1]
    view().show_frusta, view().show_path = True, True
    frusta, path = drawn_now().lines
    assert len(frusta) == 3 * 10
    eyes = frusta.points.reshape(3, 10, 2, 3)[:, 0, 0]
    np.testing.assert_allclose(eyes, [(-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6)], atol=1e-5)
    assert len(path) == 2 + 3, "two steps and a tick for each of three frames"
    np.testing.assert_allclose(path.points[0], (-0.5, -5.2, 2.0), atol=1e-5)
    ticks = path.points[4:].reshape(3, 2, 3)
    assert (np.abs(ticks[:, 1] - ticks[:, 0])[:, 0] < 1e-4).all(), "the camera goes along x, ticks stand across"
    assert "Path: 3 frames" in legend_text()
    camera.location.x = 2.0
    camera.keyframe_insert("location", frame=3)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(drawn_now().lines[1].points[3], (2.0, -5.2, 2.0), atol=1e-5)


def test_the_path_is_red_where_it_is_too_fast_and_green_where_it_is_slow():
    from blender_addon.overlay.path import path_lines, speed_entries, tick_step
    from mosaic_core.cameras import CameraPath
    from tests.core.known_scenes import camera_at

    turn = np.concatenate([np.linspace(0, 0.05, 20), np.linspace(0.05, 4.0, 20)[1:]])  # slow, then far too fast
    cameras = tuple(
        camera_at((0.1 * i, -5.0, 1.8), (0.1 * i + np.sin(a), -5 + np.cos(a), 1.8)) for i, a in enumerate(turn)
    )
    path = CameraPath(cameras, tuple(range(1, 40)), 24.0)
    lines, step = path_lines(path, tick_m=0.3)
    red, green = lines.colours[2 * 30], lines.colours[0]
    assert red[0] > 0.9 and red[1] < 0.3 and green[1] > 0.7 and green[0] < 0.5
    assert step == 1 and len(lines) == 38 + 39
    assert any("too fast" in text for _, text in speed_entries(path, None, step))
    assert [tick_step(count) for count in (24, 240, 2000)] == [1, 4, 50]


def test_an_unchanged_scene_is_prepared_once(scene):
    from blender_addon.overlay import show

    view().show_path, view().show_frusta, view().colour_mode = True, True, "COVERAGE"
    first = drawn_now()
    bpy.context.scene.frame_set(2)
    assert drawn_now() is first, "another frame is the same path"
    select_object(scene[0], RED)
    bpy.context.view_layer.update()
    assert show.prepared(bpy.context) is first or drawn_now().legends == first.legends


def test_a_missing_memory_file_is_said_and_nothing_raises(scene, tmp_path):
    from blender_addon.memory import store

    store.forget()
    (tmp_path / "room.mosaic").unlink()
    assert colours("VIEW") is None
    assert "room.mosaic" in legend_text()


def test_a_scene_without_camera_or_memory_is_no_trouble():
    view().show_path = view().show_frusta = view().show_holes = True
    view().colour_mode = "COVERAGE"
    assert "the scene has no camera" in legend_text()


def test_a_defect_in_drawing_is_logged_once_and_does_not_raise(caplog):
    from blender_addon.overlay.show import quietly

    def broken():
        raise KeyError("a defect")

    for _ in range(3):
        quietly(broken)()
    assert len(caplog.records) == 1


def test_the_path_is_sampled_as_generating_samples_it_and_unkeyed_changes_stay(scene):
    from blender_addon.overlay.tasks import same_path
    from blender_addon.paths.apart import path_apart
    from blender_addon.paths.sample import path_of_scene

    camera, shot = scene[1], bpy.context.scene
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    shot.collection.objects.link(other)
    other.location = (3, -3, 1)
    for frame, bound in ((1, camera), (3, other)):
        shot.timeline_markers.new("cut", frame=frame).camera = bound
    camera.data.keyframe_insert("lens", frame=1)
    size = {"image_height": 36, "image_width": 64}
    expected = path_of_scene(bpy.context, **size)
    shot.frame_set(2)
    camera.data.lens = 90.0
    names = set(bpy.data.scenes.keys())
    assert same_path(path_apart(shot, **size), expected)
    assert not np.array_equal(expected[1].position_world, expected[2].position_world)
    assert camera.data.lens == 90.0 and shot.frame_current == 2 and set(bpy.data.scenes.keys()) == names


def test_the_newest_request_wins_and_the_most_urgent_goes_first():
    from blender_addon.overlay.background import Background

    order = []

    def steps(name, count):
        for _ in range(count):
            order.append(name)
            yield
        return name

    def failing():
        yield
        raise ValueError("no")

    work = Background(("urgent", "patient"))
    work._thread = SimpleNamespace()  # nothing runs before all is asked for
    work.want("patient", 1, lambda: steps("old", 5))
    work.want("patient", 2, lambda: steps("patient", 3))
    work.want("urgent", 1, lambda: steps("urgent", 2))
    work._thread = None
    work.want("urgent", 1, lambda: steps("again", 9))
    work.want("urgent", 2, lambda: steps("urgent", 2))
    assert work.wait(10)
    assert order == ["urgent"] * 2 + ["patient"] * 3
    assert (work.done("urgent").value, work.done("patient").value) == ("urgent", "patient")
    work.want("urgent", 3, failing)
    assert work.wait(10) and str(work.done("urgent").error) == "no"
    work.stop()
    assert work.done("urgent") is None
