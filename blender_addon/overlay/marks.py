"""What lies over the points: the outline and the name of the patch under the cursor, and the region being drawn.

Module state, never scene properties: it belongs to the mouse, and undo must not bring it back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from . import draw, source
from .screen import Hit

TOOL = "mosaic.select_tool"  # what is under the cursor matters to this tool alone
_log = logging.getLogger(__name__)
_WHITE, _DARK = (1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.6)
_LINE_PX = 2.0
_TEXT_PX = 12
_BESIDE_PX = 18


@dataclass
class _Marks:
    region: int = 0  # as_pointer of the region the mouse is in
    hit: Hit | None = None
    caption: str = ""
    cursor: tuple[float, float] = (0.0, 0.0)
    outline: list[tuple[float, float]] = field(default_factory=list)  # of the region being drawn, pixels
    failed: bool = False


_marks = _Marks()


def hovered() -> tuple[Hit | None, str]:
    """The patch under the cursor and its caption."""
    return _marks.hit, _marks.caption


def hover(region: bpy.types.Region, hit: Hit | None, caption: str, cursor: tuple[float, float]) -> bool:
    """Mark a patch; True where the picture changes."""
    before = (_marks.region, _marks.hit, _marks.cursor if _marks.hit else None)
    _marks.region, _marks.hit, _marks.caption, _marks.cursor = region.as_pointer(), hit, caption, cursor
    return before != (_marks.region, hit, cursor if hit else None)


def outline(region: bpy.types.Region, points: list[tuple[float, float]]) -> None:
    """Draw a closed line through these pixels of a region; none for no points."""
    _marks.region, _marks.outline = region.as_pointer(), points


def forget() -> None:
    """No patch, no region."""
    _marks.hit, _marks.caption, _marks.outline = None, "", []


def draw_in_space() -> None:
    """The callback for what stands in the scene."""
    _safely(_draw_patch)


def draw_on_screen() -> None:
    """The callback for what lies on the screen."""
    _safely(_draw_text_and_outline)


def _safely(step) -> None:
    try:
        context = bpy.context
        if context.region is not None and context.region.as_pointer() == _marks.region and tool_is_active(context):
            step(context)
    except Exception:
        forget()
        if not _marks.failed:
            _marks.failed = True
            _log.exception("the mark under the cursor cannot be drawn")


def tool_is_active(context: bpy.types.Context) -> bool:
    """Whether the artist works with Mosaic's own tool."""
    tool = context.workspace.tools.from_space_view3d_mode(context.mode) if context.mode == "OBJECT" else None
    return tool is not None and tool.idname == TOOL


def _draw_patch(context: bpy.types.Context) -> None:
    hit = _marks.hit
    if hit is None:
        return
    obj = next((obj for obj in draw.memories_shown(context) if obj.name_full == hit.object_name), None)
    at = np.flatnonzero(source.shown(obj).patches.face == hit.face) if obj is not None else ()
    if len(at) == 0:
        return
    corners = source.shown(obj).patches.corners_mesh[at[0]].astype(np.float64)
    matrix = np.array(obj.matrix_world)
    world = corners @ matrix[:3, :3].T + matrix[:3, 3]
    gpu.state.depth_test_set("NONE")
    _line(context, world.astype(np.float32)[[0, 1, 2, 3, 0]], _WHITE)


def _draw_text_and_outline(context: bpy.types.Context) -> None:
    if len(_marks.outline) > 1:
        points = np.zeros((len(_marks.outline) + 1, 3), np.float32)
        points[:-1, :2] = _marks.outline
        points[-1] = points[0]
        _line(context, points, _WHITE)
    if _marks.hit is not None and _marks.caption:
        scale = context.preferences.system.ui_scale
        x, y = (at + side * _BESIDE_PX * scale for at, side in zip(_marks.cursor, (1, -1), strict=True))
        blf.size(0, _TEXT_PX * scale)
        width, height = blf.dimensions(0, _marks.caption)
        x = min(x, context.region.width - width - 8)
        _plate(x - 6, y - 6, x + width + 6, y + height + 6)
        blf.color(0, *_WHITE)
        blf.position(0, x, y, 0)
        blf.draw(0, _marks.caption)


def _line(context: bpy.types.Context, points: np.ndarray, colour: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": points})
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("viewportSize", (context.region.width, context.region.height))
    shader.uniform_float("lineWidth", _LINE_PX)
    shader.uniform_float("color", colour)
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def _plate(left: float, bottom: float, right: float, top: float) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    batch = batch_for_shader(shader, "TRIS", {"pos": corners}, indices=[(0, 1, 2), (0, 2, 3)])
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("color", _DARK)
    batch.draw(shader)
    gpu.state.blend_set("NONE")
