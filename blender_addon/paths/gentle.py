"""A path for whoever has none yet: the camera's own view, a little to the side and back, so that a first video moves.

Only where nobody chose a camera under Path and the scene's camera stands still. A shot that is meant to stand still is
had by choosing its camera there.
"""

from __future__ import annotations

import bpy
from mathutils import Matrix, Vector

from .. import compat
from .place import centre_of
from .presets import Move, add_preset

FRAME_COUNT = 48  # two seconds at 24 frames a second
_FACTORY_RANGE = (1, 250)
# Of the distance to what is looked at: enough to see depth, little enough that memory covers most of it.
_SHARE_OF_DISTANCE = 0.15


def stands_still(scene: bpy.types.Scene) -> bool:
    """Whether a video along the scene's camera would be one picture: nobody chose a path, and nothing moves it."""
    if scene.mosaic.path_camera is not None or any(marker.camera for marker in scene.timeline_markers):
        return False
    camera_obj = _start_camera(scene)
    if camera_obj is None or camera_obj.parent is not None or len(camera_obj.constraints):
        return False
    animation = camera_obj.animation_data
    return not any(True for _ in compat.fcurves_of(camera_obj)) and not (animation and len(animation.drivers))


def add_gentle_path(context: bpy.types.Context) -> bpy.types.Object:
    """Add the move and make it the scene's path; returns its camera. Raises `CameraError`.

    A scene with Blender's own range of frames and no animation gets the move's length: a first video of ten seconds
    would take minutes.
    """
    scene = context.scene
    scene.frame_end = scene.frame_start + wanted_frame_count(scene) - 1
    camera_obj = _start_camera(scene)
    scene.camera = scene.camera or camera_obj
    centre = centre_of(context, "MEMORY" if scene.mosaic.memory is not None else "CURSOR")
    matrix = camera_obj.matrix_world
    start = Matrix.LocRotScale(matrix.to_translation(), matrix.to_quaternion(), None)
    ahead = max((centre - start.translation).dot(-Vector(start.col[2][:3])), 1.0)
    move = Move(
        kind="THERE_AND_BACK",
        world_from_start=start,
        centre_world=centre,
        frame_start=scene.frame_start,
        frame_count=wanted_frame_count(scene),
        distance_m=_SHARE_OF_DISTANCE * ahead,
        ease=True,
    )
    return add_preset(context, move)


def wanted_frame_count(scene: bpy.types.Scene) -> int:
    """How long the move is: as long as the scene, where somebody decided on that."""
    if (scene.frame_start, scene.frame_end) == _FACTORY_RANGE and not bpy.data.actions:
        return FRAME_COUNT
    return max(2, scene.frame_end - scene.frame_start + 1)


def _start_camera(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The scene's camera, else the first of its cameras."""
    cameras = sorted((obj for obj in scene.objects if obj.type == "CAMERA"), key=lambda obj: obj.name_full)
    return scene.camera or (cameras[0] if cameras else None)
