"""What the artist sets, stored in the scene: how to capture, which path, what to generate.

Only settings live here. A job's progress never does: undo would take it back (see `blender_addon.jobs`).
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import compat
from .registry import registration
from .shot_list import MosaicShot, ShotFields, on_index
from .translations import CONTEXT

_engine_items_cache: list[tuple[str, str, str]] = []


def _capture_engine_items(_self, _context) -> list[tuple[str, str, str]]:
    # Blender keeps no reference to the strings of a dynamic enum: without this list they would be freed.
    _engine_items_cache[:] = [
        ("BLENDER_WORKBENCH", "Workbench", "Fast, flat shading, as in the Solid viewport"),
        (compat.eevee_id(), "EEVEE", "Real-time renderer, needs a GPU to be quick"),
        ("CYCLES", "Cycles", "Path tracing, slowest and most faithful"),
    ]
    return _engine_items_cache


def _is_memory(_self, obj: bpy.types.Object) -> bool:
    return obj.type == "MESH" and obj.mosaic.is_memory


def _display_again(_self, _context) -> None:
    from .overlay import native  # draws with these settings

    native.sync()


class MosaicSceneSettings(bpy.types.PropertyGroup, ShotFields):
    """`scene.mosaic`; what it has of `ShotFields` belongs to the active shot."""

    # Memory
    memory: PointerProperty(
        name="Memory",
        translation_context=CONTEXT,
        type=bpy.types.Object,
        poll=_is_memory,
        description="The memory that is edited and generated from",
    )
    capture_source: EnumProperty(
        name="From",
        description="Which cameras look at the scene",
        items=[
            ("SCENE_CAMERA", "Scene Camera", "One view, from the scene's active camera"),
            ("SELECTED_CAMERAS", "Selected Cameras", "One view from every selected camera"),
            ("ALL_CAMERAS", "All Cameras", "One view from every camera of the scene"),
            ("ANIMATION", "Along Animation", "The scene's camera, every few frames"),
        ],
        default="ALL_CAMERAS",
    )
    capture_engine: EnumProperty(name="Renderer", description="What renders the views", items=_capture_engine_items)
    capture_width: IntProperty(
        name="Width", description="Width of the captured views", default=640, min=16, max=8192, subtype="PIXEL"
    )
    capture_height: IntProperty(
        name="Height", description="Height of the captured views", default=360, min=16, max=8192, subtype="PIXEL"
    )
    capture_every: IntProperty(
        name="Every", description="Frames between two views along the animation", default=10, min=1
    )

    show_points: BoolProperty(
        name="Points",
        description="Show the memory as coloured points in Object Mode; else as the mesh is displayed",
        default=True,
        update=_display_again,
    )
    point_detail: EnumProperty(
        name="Detail",
        description="How many points a patch is drawn with",
        items=[
            ("AUTO", "By Zoom", "16 points a patch from afar, 256 from near"),
            ("4", "16", "16 points a patch"),
            ("8", "64", "64 points a patch"),
            ("16", "256", "256 points a patch: each captured pixel"),
        ],
        default="AUTO",
    )
    point_size: FloatProperty(
        name="Size",
        description="Size of the points, as a share of the distance between them; from 1.4 on no gap is left",
        default=0.8,
        min=0.1,
        max=1.5,
        subtype="FACTOR",
    )

    # Generate
    shots: CollectionProperty(type=MosaicShot)
    shot_index: IntProperty(name="Shot", description="The shot that all panels are about", update=on_index)
    shot_active: IntProperty(options={"HIDDEN"})  # whose values are on the desk; follows `shot_index`
    depth: BoolProperty(
        name="Depth (EXR)",
        description="Write each frame's depth beside it, in metres; retakes continue from it",
        default=True,
    )
    output_folder: StringProperty(
        name="Output",
        description="Folder of the takes; // is the .blend file's folder",
        default="//mosaic/",
        subtype="DIR_PATH",
        options={"ANIMATABLE"} | compat.relative_path_options(),
    )
    takes_id: StringProperty(options={"HIDDEN"})  # see `scene_id`
    add_background: BoolProperty(
        name="Camera Background", description="Show each new take behind the scene, through its camera", default=True
    )
    add_strip: BoolProperty(
        name="Sequencer Strip", description="Add each new take to the video sequencer", default=True
    )


_register_classes, _unregister_classes = registration(MosaicSceneSettings)


def register() -> None:
    _register_classes()
    bpy.types.Scene.mosaic = PointerProperty(type=MosaicSceneSettings)


def unregister() -> None:
    del bpy.types.Scene.mosaic
    _unregister_classes()
