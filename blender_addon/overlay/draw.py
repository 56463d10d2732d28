"""The draw handler of the points: one batch a kind, made when the mesh or the selection changed and else only drawn.

Kinds are resting patches, selected ones, and selected ones that are locked. They share one vertex buffer and differ in
their index buffer, so selecting sends indices alone, and while the artist drags, the selected kind is drawn with the
motion in its matrix: nothing is written until the drag is confirmed.

Drawing never raises. What goes wrong is logged once, and the native mesh shows again (`native.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import gpu
import numpy as np

from ..memory import store
from . import source
from .points import PatchArrays
from .shader import Look, points_shader, set_uniforms

_log = logging.getLogger(__name__)

RESTING, SELECTED, HELD = "resting", "selected", "held"
# sRGB, and how much of the captured colour it replaces: Blender's own orange of what is selected, grey for locked.
_TINTS = {RESTING: (0.0, 0.0, 0.0, 0.0), SELECTED: (1.0, 0.55, 0.1, 0.55), HELD: (0.6, 0.6, 0.6, 0.6)}
_SELECTED_RADIUS = 0.5
# Two triangles of a quad that begin and end at the same corners: whichever the graphics library takes a triangle's
# flat values from, both have the same, and a patch is drawn with one number of points.
_TRIANGLES = np.array([[2, 1, 0], [2, 3, 0]], np.uint32)


@dataclass(eq=False)
class _Batches:
    """What the graphics card holds of an object."""

    mesh_signature: int
    selection_signature: int
    vertices: gpu.types.GPUVertBuf
    kinds: list[tuple[str, int, gpu.types.GPUBatch]]  # kind, material, batch


@dataclass
class _State:
    shader: gpu.types.GPUShader | None = None
    blank: gpu.types.GPUTexture | None = None
    failure: str = ""


_state = _State()
_batches: dict[str, _Batches] = {}
_textures: dict[str, tuple[int, gpu.types.GPUTexture]] = {}  # by the atlas's name, with its session's number
_motions: dict[str, np.ndarray] = {}
_names: list[str] | None = None


def failure() -> str:
    """Why points cannot be drawn; "" while they can."""
    return _state.failure


def forget(*, batches: bool = True) -> None:
    """Look again which memories there are, and drop what the graphics card holds of them."""
    global _names
    _names = None
    if batches:
        _batches.clear()
        _textures.clear()
        _motions.clear()


def set_motion(obj: bpy.types.Object, motion_world: np.ndarray | None) -> None:
    """Draw the selected patches of an object as if moved by (4, 4) in world space; None draws them where they are."""
    if motion_world is None:
        _motions.pop(obj.name_full, None)
    else:
        _motions[obj.name_full] = np.asarray(motion_world, np.float64)


def motion_of(obj: bpy.types.Object) -> np.ndarray | None:
    """The motion that `set_motion` has given."""
    return _motions.get(obj.name_full)


def memories_shown(context: bpy.types.Context) -> Iterator[bpy.types.Object]:
    """The memory objects whose points this viewport shows."""
    global _names
    settings = getattr(context.scene, "mosaic", None)
    if settings is None or not settings.show_points or _state.failure:
        return
    if _names is None:
        _names = [obj.name_full for obj in bpy.data.objects if store.is_memory(obj)]
    for name in _names:
        obj = context.view_layer.objects.get(name)
        if obj is not None and obj.mode == "OBJECT" and obj.visible_get(viewport=context.space_data):
            yield obj


def draw_points() -> None:
    """The callback of every 3D viewport."""
    try:
        _draw(bpy.context)
    except Exception as error:
        _state.failure = f"{type(error).__name__}: {error}"
        _log.exception("the points of the memory cannot be drawn")
        bpy.app.timers.register(_show_native, first_interval=0.0)


def _show_native() -> None:
    from . import native

    native.sync()


def _draw(context: bpy.types.Context) -> None:
    settings = context.scene.mosaic
    look = Look(0 if settings.point_detail == "AUTO" else int(settings.point_detail), settings.point_size / 2)
    drawn = False
    try:
        for obj in memories_shown(context):
            if not drawn:
                gpu.state.depth_test_set("LESS_EQUAL")
                gpu.state.depth_mask_set(True)
                gpu.state.blend_set("NONE")
                drawn = True
            draw_object(obj, context.region.height, look)
    finally:
        if drawn:
            gpu.state.depth_mask_set(False)
            gpu.state.depth_test_set("NONE")


def draw_object(obj: bpy.types.Object, height_px: int, look: Look) -> None:
    """Draw an object's points with the matrices that `gpu.matrix` holds, into whatever is bound."""
    shown = source.shown(obj)
    if not len(shown):
        return
    if _state.shader is None:
        _state.shader = points_shader()
    batches = _batches_of(obj, shown)
    projection = np.array(gpu.matrix.get_projection_matrix(), np.float64)
    view = np.array(gpu.matrix.get_model_view_matrix(), np.float64)
    world_from_mesh = np.array(obj.matrix_world, np.float64)
    motion = _motions.get(obj.name_full)
    _state.shader.bind()
    for kind, material, batch in batches.kinds:
        moved = world_from_mesh if motion is None or kind != SELECTED else motion @ world_from_mesh
        _state.shader.uniform_sampler("atlas", _texture(shown.atlases[material]))
        set_uniforms(
            _state.shader,
            projection=projection,
            view_from_mesh=view @ moved,
            height_px=height_px,
            look=look if kind == RESTING else Look(look.points_a_side, max(look.radius, _SELECTED_RADIUS)),
            cells=shown.cells[material],
            tint=_TINTS[kind],
        )
        batch.draw(_state.shader)


def _texture(atlas: str) -> gpu.types.GPUTexture:
    image = bpy.data.images.get(atlas) if atlas else None
    if image is not None and min(image.size) > 0:
        return _texture_of(image)
    if _state.blank is None:
        _state.blank = gpu.types.GPUTexture((1, 1), format="RGBA8")
    return _state.blank


def _texture_of(image: bpy.types.Image) -> gpu.types.GPUTexture:
    """The atlas on the graphics card, sRGB as it is stored. Blender's own texture comes with smaller ones for far away,
    which nobody looks at here, and making those held the window for a second."""
    held = _textures.get(image.name)
    if held is None or held[0] != image.session_uid:
        width, height = image.size
        pixels = np.zeros(4 * width * height, np.float32)
        image.pixels.foreach_get(pixels)
        buffer = gpu.types.Buffer("FLOAT", len(pixels), pixels)
        for gone in [name for name in _textures if name not in bpy.data.images]:
            del _textures[gone]
        held = image.session_uid, gpu.types.GPUTexture((width, height), format="RGBA8", data=buffer)
        _textures[image.name] = held
    return held[1]


def _batches_of(obj: bpy.types.Object, shown: source.Shown) -> _Batches:
    held = _batches.get(obj.name_full)
    signatures = (shown.mesh_signature, shown.selection_signature)
    if held is not None and (held.mesh_signature, held.selection_signature) == signatures:
        return held
    same_mesh = held is not None and held.mesh_signature == shown.mesh_signature
    vertices = held.vertices if same_mesh else _vertex_buffer(shown.patches, shown.colours)
    held = _batches[obj.name_full] = _Batches(*signatures, vertices, list(_kinds(shown, vertices)))
    return held


def _vertex_buffer(patches: PatchArrays, colours: np.ndarray | None) -> gpu.types.GPUVertBuf:
    layout = gpu.types.GPUVertFormat()
    for name, width in (("pos", 3), ("cell", 2), ("size", 1), ("colour", 4)):
        layout.attr_add(id=name, comp_type="F32", len=width, fetch_mode="FLOAT")
    count = 4 * len(patches)
    buffer = gpu.types.GPUVertBuf(layout, count)
    buffer.attr_fill("pos", patches.corners_mesh.reshape(count, 3))
    buffer.attr_fill("cell", patches.cells.reshape(count, 2))
    buffer.attr_fill("size", np.repeat(patches.cell_size, 4).reshape(count, 1))
    buffer.attr_fill("colour", np.zeros((count, 4), np.float32) if colours is None else colours.reshape(count, 4))
    return buffer


def _kinds(shown: source.Shown, vertices: gpu.types.GPUVertBuf) -> Iterator[tuple[str, int, gpu.types.GPUBatch]]:
    held = shown.selected & shown.locked
    for kind, members in ((RESTING, ~shown.selected), (SELECTED, shown.selected & ~held), (HELD, held)):
        for material in range(len(shown.atlases)):
            index = np.flatnonzero(members & (shown.patches.material == material)).astype(np.uint32)
            if len(index):
                triangles = (index[:, None, None] * np.uint32(4) + _TRIANGLES).reshape(-1, 3)
                elements = gpu.types.GPUIndexBuf(type="TRIS", seq=triangles)
                yield kind, material, gpu.types.GPUBatch(type="TRIS", buf=vertices, elem=elements)
