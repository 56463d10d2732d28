"""Cameras of Blender as `Camera`: what `project` says is where Blender renders it."""

from __future__ import annotations

import itertools

import bpy
import numpy as np
import pytest

from blender_addon.cameras import blender_of_world_from_cam, camera_of_blender, world_from_cam_of_blender
from blender_addon.capture import CaptureRequest, capture_memory
from mosaic_core.errors import CameraError


def add_camera(name: str = "Camera", **settings) -> bpy.types.Object:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    for key, value in settings.items():
        setattr(camera.data, key, value)
    return camera


def evaluated(camera: bpy.types.Object, *, height: int = 36, width: int = 64, aspect=(1.0, 1.0)):
    bpy.context.view_layer.update()
    return camera_of_blender(
        camera,
        bpy.context.evaluated_depsgraph_get(),
        image_height=height,
        image_width=width,
        pixel_aspect=aspect,
    )


def test_a_new_camera_looks_down_with_its_image_upright_along_y() -> None:
    camera = add_camera()
    camera.location = (1, 2, 5)
    seen = evaluated(camera)
    assert np.allclose(seen.position_world, (1, 2, 5))
    assert np.allclose(seen.forward_world, (0, 0, -1))
    # 50 mm on a 36 mm sensor; the world's +X is to the right and +Y is up in the image.
    assert np.isclose(seen.intrinsics_px[0, 0], 64 * 50 / 36)
    (right, up), depths = seen.project(np.array([(2.0, 2, 0), (1.0, 3, 0)]))
    assert right[0] > 32 and np.isclose(right[1], 18)
    assert up[1] < 18 and np.isclose(up[0], 32)
    assert np.allclose(depths, 5)


def test_axes_go_there_and_back() -> None:
    camera = add_camera()
    camera.rotation_euler, camera.location = (0.3, -0.7, 1.9), (4, -2, 1)
    bpy.context.view_layer.update()
    world_from_cam = world_from_cam_of_blender(camera.matrix_world)
    assert np.allclose(blender_of_world_from_cam(world_from_cam), np.array(camera.matrix_world), atol=1e-6)


def test_scale_of_a_camera_means_nothing() -> None:
    camera = add_camera()
    camera.rotation_euler, camera.scale = (0.3, 0.2, 0.1), (2, 3, 0.5)
    scaled = evaluated(camera).world_from_cam
    camera.scale = (1, 1, 1)
    assert np.allclose(scaled, evaluated(camera).world_from_cam, atol=1e-6)


LENSES = [
    {"lens": 24.0},
    {"lens": 50.0, "shift_x": 0.15, "shift_y": -0.1},
    {"angle": 1.2, "sensor_fit": "VERTICAL", "sensor_height": 30.0},
    {"lens": 35.0, "sensor_fit": "HORIZONTAL", "sensor_width": 22.0, "shift_y": 0.2},
]
SIZES = [(72, 128), (128, 72)]
ASPECTS = [(1.0, 1.0), (2.0, 1.0), (1.0, 2.0)]


@pytest.mark.parametrize("lens", LENSES, ids=["auto", "shifted", "vertical", "horizontal"])
def test_projected_points_are_where_blender_renders_them(lens: dict) -> None:
    """Small cubes at known places: the centroid of each one's pixels is its projected centre."""
    scene = bpy.context.scene
    camera = add_camera(**lens)
    camera.location, camera.rotation_euler = (0.5, -9, 2), (1.4, 0.1, 0.05)
    centres = [(0, 0, 1), (1.1, 0.5, 1.6), (-0.6, -0.5, 1.8), (0.4, 1, 0.3)]
    for index, centre in enumerate(centres):
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=3, radius=0.22, location=centre)
        bpy.context.object.name = f"Mark {index}"
    checked = 0
    for (height, width), aspect in itertools.product(SIZES, ASPECTS):
        scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = aspect
        request = CaptureRequest(((camera, 1),), image_height=height, image_width=width)
        memory = capture_memory(bpy.context, request)
        view = memory.views[0]
        seen = {name: np.argwhere(view.object_ids == number) for number, name in memory.object_names.items()}
        for index, centre in enumerate(centres):
            pixels = seen.get(f"Mark {index}", np.zeros((0, 2)))
            uv, depth = view.camera.project(np.array(centre, dtype=float))
            radius_px = 0.22 * view.camera.focal_px / depth * 2
            whole = radius_px < uv[0] < width - radius_px and radius_px < uv[1] < height - radius_px
            if whole:
                assert len(pixels), (lens, height, width, aspect, centre)
                centroid = pixels.mean(axis=0)[::-1] + 0.5
                checked += 1
                assert np.abs(centroid - uv).max() < 0.75, (lens, height, width, aspect, centroid, uv)
    assert checked >= 12, f"only {checked} marks were whole in view"


def test_animated_lens_and_constraints_are_evaluated() -> None:
    camera = add_camera()
    camera.data.lens = 20
    camera.data.keyframe_insert("lens", frame=1)
    camera.data.lens = 80
    camera.data.keyframe_insert("lens", frame=11)
    target = bpy.data.objects.new("Target", None)
    bpy.context.scene.collection.objects.link(target)
    target.location = (5, 0, 0)
    track = camera.constraints.new("TRACK_TO")
    track.target, track.track_axis, track.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
    bpy.context.scene.frame_set(11)
    seen = evaluated(camera)
    assert np.isclose(seen.intrinsics_px[0, 0], 64 * 80 / 36, rtol=1e-5)
    assert np.allclose(seen.forward_world, (1, 0, 0), atol=1e-6)


@pytest.mark.parametrize("kind", ["ORTHO", "PANO"])
def test_cameras_that_are_not_pinholes_are_refused(kind: str) -> None:
    with pytest.raises(CameraError, match=r"'Camera'.*perspective"):
        evaluated(add_camera(type=kind))


def test_what_is_no_usable_camera_is_refused() -> None:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    empty = bpy.data.objects.new("Empty", None)
    for wrong in (empty, None):
        with pytest.raises(CameraError, match="expected a camera"):
            camera_of_blender(wrong, depsgraph, image_height=36, image_width=64)
    camera = add_camera()
    for height, width in ((0, 64), (36, 10**6)):
        with pytest.raises(CameraError, match="pixels"):
            evaluated(camera, height=height, width=width)
    camera.scale = (-1, 1, 1)
    with pytest.raises(CameraError, match="mirrored"):
        evaluated(camera)
