"""Cameras and curves the path tests share, and what they measure on them."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector

from blender_addon.paths.curve import add_bezier, follow, new_path_camera, new_path_curve
from blender_addon.paths.sample import path_from_camera
from mosaic_core.cameras import CameraPath

SIZE = {"image_height": 90, "image_width": 160}
KNOTS = np.array([[0.0, -4, 1], [3, -2, 1.5], [4, 2, 2], [0, 4, 2.5]])


def scene_camera(*, at=(6.0, -4.0, 2.0), to=(0.5, 0.5, 0.5)):
    """A scene camera that looks at a point."""
    obj = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    bpy.context.scene.collection.objects.link(obj)
    direction = Vector(to) - Vector(at)
    obj.matrix_world = Matrix.LocRotScale(Vector(at), direction.to_track_quat("-Z", "Y"), None)
    bpy.context.scene.camera = obj
    bpy.context.view_layer.update()
    return obj


def in_viewport():
    """Make the 3D viewport of the factory's window the context."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window, area=area, region=region)


def following(*, knots=KNOTS, aim="PATH", target=None, frame_count=25, **settings):
    """A curve through the knots and a camera that follows it."""
    curve_obj = new_path_curve(bpy.context, name="Route")
    add_bezier(curve_obj, knots)
    camera_obj = new_path_camera(bpy.context, name="Traveller")
    follow(camera_obj, curve_obj, frame_start=1, frame_count=frame_count, aim=aim, target=target, **settings)
    return camera_obj, curve_obj


def sampled(camera_obj, *, frame_start=1, frame_end=25, **settings) -> CameraPath:
    return path_from_camera(bpy.context, camera_obj, frame_start=frame_start, frame_end=frame_end, **(SIZE | settings))


def positions(path: CameraPath) -> np.ndarray:  # (T, 3)
    return np.array([camera.position_world for camera in path])


def steps(points: np.ndarray) -> np.ndarray:  # (T - 1,)
    return np.linalg.norm(np.diff(points, axis=0), axis=1)


def polyline(curve_obj) -> np.ndarray:  # (N, 3) the evaluated curve, world
    evaluated = curve_obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.array([evaluated.matrix_world @ v.co for v in mesh.vertices])
    evaluated.to_mesh_clear()
    return points


def distance_to_polyline(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    starts, edges = line[:-1], np.diff(line, axis=0)
    offsets = points[:, None] - starts
    along = np.einsum("psk,sk->ps", offsets, edges) / np.maximum(np.einsum("sk,sk->s", edges, edges), 1e-12)
    nearest = starts + np.clip(along, 0, 1)[..., None] * edges
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


def stroke(points):
    """What Blender's curve drawing hears from a pen, as `curve.draw` takes it from scripts."""
    # Every property must be given, and there are fewer since 4.3.
    known = {"pen_flip": False} if "pen_flip" in bpy.types.OperatorStrokeElement.bl_rna.properties else {}
    return [
        known
        | {
            "name": "",
            "location": point,
            "mouse": (0, 0),
            "mouse_event": (0, 0),
            "pressure": 1.0,
            "size": 1.0,
            "x_tilt": 0.0,
            "y_tilt": 0.0,
            "time": index / 60,
            "is_start": index == 0,
        }
        for index, point in enumerate(points)
    ]


def draw_stroke(points):
    bpy.ops.curve.draw(stroke=stroke(points), wait_for_input=False, use_cyclic=False)


def preset(kind, *, frames=48, **settings) -> CameraPath:
    assert bpy.ops.mosaic.path_preset(kind=kind, frames=frames, **settings) == {"FINISHED"}
    return sampled(bpy.context.scene.mosaic.path_camera, frame_end=frames)
