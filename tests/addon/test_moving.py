"""A ball captured four times on its way rolls through the whole clip, behind a pillar and out again."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest

from mosaic_core.memory.movers import movers_of
from mosaic_core.memory.timed_reader import TimedReader

from .capture_scenes import add_cube, animate, link
from .moving_scene import BALL, EVERY, FPS, captured_along_the_way, rolling_scene, truth_at


@pytest.fixture
def rolled():
    rolling_scene()
    return captured_along_the_way()


def test_motions_are_those_of_the_scene_parents_and_scale_included():
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.render.fps = 1, 25, 24
    carrier = link(bpy.data.objects.new("Carrier", None))
    rider, still = add_cube("Rider", (1, 0, 0), scale=(2, 2, 2)), add_cube("Still", (5, 0, 0))
    rider.parent = carrier
    animate(carrier, "rotation_euler", {1: (0, 0, 0), 25: (0, 0, math.pi / 2)})
    scene.frame_set(1)
    motions = sampled(scene, [rider, still], {})
    assert motions.keys() == {"Rider"}
    assert motions["Rider"].times_s[[0, -1]].tolist() == [0.0, 1.0]
    for frame in (1, 8, 25):
        scene.frame_set(frame)
        place, turn, _ = rider.matrix_world.decompose()
        pose = motions["Rider"].world_from_object_at((frame - 1) / 24)
        np.testing.assert_allclose(pose[:3, 3], place, atol=1e-5)
        np.testing.assert_allclose(pose[:3, :3], turn.to_matrix(), atol=1e-5)


def test_a_motion_that_was_not_captured_does_not_count():
    """What a simulation moves stands still in the scene that is sampled, or goes elsewhere."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 25
    mover = add_cube("Mover")
    animate(mover, "location", {1: (0, 0, 0), 25: (2, 0, 0)})
    seen = {frame: {"Mover": [("Mover", matrix_at(x), b"")]} for frame, x in ((1, 0.0), (25, 2.0))}
    assert sampled(scene, [mover], seen).keys() == {"Mover"}
    seen[25]["Mover"][0] = ("Mover", matrix_at(0.7), b"")
    assert sampled(scene, [mover], seen) == {}
    seen[25]["Mover"] = [("Mover", matrix_at(2.0), b"")] * 2
    assert sampled(scene, [mover], seen) == {}, "it has become another"


def sampled(scene: bpy.types.Scene, objects, captured) -> dict:
    """The motions, and that the file is as it was between any two steps."""
    from blender_addon.capture.motion import motions_of

    steps, scenes = motions_of(scene, objects, captured), bpy.data.scenes.keys()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        assert bpy.data.scenes.keys() == scenes


def matrix_at(x: float) -> np.ndarray:  # (16,)
    matrix = np.eye(4, dtype=np.float32)
    matrix[0, 3] = x
    return matrix.ravel()


@pytest.mark.slow
def test_the_ball_rolls_on_between_its_captures_and_after_the_last(rolled):
    memory, path = rolled
    ids = [number for number, name in memory.object_names.items() if name == BALL]
    ball = memory.placements.ids[np.isin(memory.patches.object_id[memory.placements.rows - 1], ids)]
    (mover,) = movers_of(memory)
    assert mover.times_s.tolist() == [0.0, EVERY / FPS, 2 * EVERY / FPS, 3 * EVERY / FPS]
    reader = TimedReader(memory)
    for index in (0, 6, 18, 24, 29, 36, 47):
        readout = reader.rgb(path[index], path.time_s(index))
        shown, (rgb, truth) = np.isin(readout.placement_id, ball), truth_at(path.frame_numbers[index])
        both = shown & truth
        assert both.sum() > 0.85 * (shown | truth).sum(), f"frame {path.frame_numbers[index]}"
        assert np.abs(readout.values[both] - rgb[both] / np.float32(255)).mean() < 0.05
