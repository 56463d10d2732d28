"""The draw handler of the points: one batch a kind, made when the mesh or the selection changed and else only drawn.

Kinds are resting patches, selected ones, and selected ones that are locked. They share one vertex buffer and differ in
their index buffer, so selecting sends indices alone, and while the artist drags, the selected kind is drawn with the
motion in its matrix: nothing is written until the drag is confirmed.

Where OpenGL runs in software they are drawn into a picture that is kept (`layer.py`). What the first drawing needs is
made over several redraws: the driver's machine code when a viewport is drawn first, memory or not, then what is sent.

Drawing never raises. What goes wrong is logged once, and the native mesh shows again (`native.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import bpy
import gpu
import numpy as np

from ..memory import store
from ..windows import redraw
from . import layer, source
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
# How many patches one call draws. Software OpenGL takes some ten milliseconds for so many.
_PATCHES_A_PART = 16384
# How long a redraw may take to get ready what was never drawn yet; the rest waits for the next redraw.
_GETTING_READY_S = 0.03


@dataclass(eq=False)
class _Batches:
    """What the graphics card holds of an object."""

    signatures: tuple[int, int]  # of the mesh and of the selection
    vertices: gpu.types.GPUVertBuf
    order: np.ndarray  # (P,) which patch each place in it has
    kinds: list[tuple[str, int, gpu.types.GPUBatch]]  # kind, material, batch


@dataclass
class _State:
    shader: gpu.types.GPUShader | None = None
    blank: gpu.types.GPUTexture | None = None
    layered: bool | None = None  # whether a picture is kept; None before it was asked
    failure: str = ""


_state = _State()
_batches: dict[str, _Batches] = {}
# What is being sent for a first drawing: the signatures of what is sent, and the steps that are left.
_sending: dict[str, tuple[tuple[int, int], Iterator[None]]] = {}
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
        _sending.clear()
        _textures.clear()
        _motions.clear()
        layer.forget()


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
    shown = list(memories_shown(context))
    compiled = _compiled()
    memories = [obj for obj in shown if compiled and _is_ready(obj)]
    if len(memories) < len(shown):
        _draw_again()
    if not memories:
        return
    look = Look(0 if settings.point_detail == "AUTO" else int(settings.point_detail), settings.point_size / 2)

    with _depth_test():
        parts = [part for obj in memories for part in _parts_of(obj, context.region.height, look)]
        if not _state.layered or not _drawn_as_picture(context, memories, look, parts):
            for part in parts:
                part()


def _drawn_as_picture(
    context: bpy.types.Context, memories: list[bpy.types.Object], look: Look, parts: list[Callable[[], None]]
) -> bool:
    """Put the kept picture into the viewport; False where that cannot be."""
    x, y, width, height = gpu.state.viewport_get()
    if (x, y) != (0, 0):
        return False
    places = (context.region.height, look, _matrices(), *map(_places_of, memories))
    shows = layer.Shows(places, tuple(map(_looks_of, memories)))
    try:
        if not layer.draw(context.region.as_pointer(), (width, height), shows, parts):
            _draw_again()
    except Exception:
        _log.exception("no picture of the points can be kept: they are drawn at every redraw")
        _state.layered = False
    return bool(_state.layered)


def _draw_again() -> None:
    """Draw the viewports once more when this redraw is done, but not their sidebars."""
    if not bpy.app.timers.is_registered(_redraw_viewports):
        bpy.app.timers.register(_redraw_viewports, first_interval=0.01)


def _redraw_viewports() -> None:
    redraw("VIEW_3D", region_type="WINDOW")


def _compiled() -> bool:
    """Whether the shaders are there; makes one of them a redraw. Software OpenGL takes 0.05 s for each."""
    if _state.layered is None:
        _state.layered = gpu.platform.device_type_get() == "SOFTWARE"
    if _state.shader is None:
        _state.shader = points_shader()
        _draw_nothing()
        return False
    with _depth_test():
        return not _state.layered or layer.prepare()


def _draw_nothing() -> None:
    """Draw a patch without size where patches will be drawn: some drivers make their machine code only then."""
    zeros = np.zeros((1, 4, 3), np.float32)
    nothing = PatchArrays(np.zeros(1, np.int64), zeros, zeros[..., :2], zeros[0, :1, 0], np.zeros(1, np.int32))
    elements = gpu.types.GPUIndexBuf(type="TRIS", seq=_TRIANGLES)
    # No powers of two, as an atlas has none: some drivers tell them apart.
    _state.blank = gpu.types.GPUTexture((3, 3), format="RGBA8")
    vertices = _empty_vertices(1)
    for name, values in _attributes(nothing, None, np.arange(1)):
        vertices.attr_fill(name, values)
    batch = gpu.types.GPUBatch(type="TRIS", buf=vertices, elem=elements)
    with _depth_test(), layer.aside() if _state.layered else nullcontext():
        _state.shader.bind()
        _state.shader.uniform_sampler("atlas", _state.blank)
        identity = np.identity(4)
        set_uniforms(
            _state.shader,
            projection=identity,
            view_from_mesh=identity,
            height_px=1,
            look=Look(0, _SELECTED_RADIUS),
            cells=(1.0, 1.0),
            tint=_TINTS[RESTING],
        )
        batch.draw(_state.shader)


def _is_ready(obj: bpy.types.Object) -> bool:
    """Whether the graphics card has what an object's first drawing needs; sends some of it each time."""
    if obj.name_full in _batches:
        return True
    end = time.perf_counter() + _GETTING_READY_S
    shown = source.shown(obj)
    held = _sending.get(obj.name_full)
    if held is None or held[0] != shown.signatures:
        held = _sending[obj.name_full] = shown.signatures, _sent(obj, shown)
    for _ in held[1]:
        if time.perf_counter() > end:
            return False
    del _sending[obj.name_full]
    return time.perf_counter() <= end


@contextmanager
def _depth_test() -> Iterator[None]:
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(True)
    gpu.state.blend_set("NONE")
    try:
        yield
    finally:
        gpu.state.depth_mask_set(False)
        gpu.state.depth_test_set("NONE")


def _matrices() -> Hashable:
    """From where the viewport looks."""
    held = gpu.matrix.get_projection_matrix(), gpu.matrix.get_model_view_matrix()
    return tuple(value for matrix in held for row in matrix for value in row)


def _places_of(obj: bpy.types.Object) -> Hashable:
    """Where an object's points are, without what its mesh says."""
    motion = _motions.get(obj.name_full)
    return tuple(value for row in obj.matrix_world for value in row), None if motion is None else motion.tobytes()


def _looks_of(obj: bpy.types.Object) -> Hashable:
    """All else that an object's points depend on, apart from the viewport."""
    shown = source.shown(obj)
    images = [bpy.data.images.get(atlas) for atlas in shown.atlases if atlas]
    pixels = tuple(image.session_uid for image in images if image is not None)
    return obj.name_full, shown.mesh_signature, shown.selection_signature, pixels


def _parts_of(obj: bpy.types.Object, height_px: int, look: Look) -> list[Callable[[], None]]:
    """Calls that draw an object's points, some each, with the matrices that `gpu.matrix` holds."""
    shown = source.shown(obj)
    batches = _batches_of(obj, shown) if len(shown) else None
    return [partial(_draw_batch, obj, shown, each, height_px, look) for each in batches.kinds] if batches else []


def _draw_batch(
    obj: bpy.types.Object,
    shown: source.Shown,
    each: tuple[str, int, gpu.types.GPUBatch],
    height_px: int,
    look: Look,
) -> None:
    kind, material, batch = each
    view = np.array(gpu.matrix.get_model_view_matrix(), np.float64)
    motion, world_from_mesh = _motions.get(obj.name_full), np.array(obj.matrix_world, np.float64)
    moved = world_from_mesh if motion is None or kind != SELECTED else motion @ world_from_mesh
    _state.shader.bind()
    _state.shader.uniform_sampler("atlas", _texture(shown.atlases[material]))
    set_uniforms(
        _state.shader,
        projection=np.array(gpu.matrix.get_projection_matrix(), np.float64),
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
    if held is None or held.signatures != shown.signatures:
        for _ in _sent(obj, shown):
            pass
    return _batches[obj.name_full]


def _sent(obj: bpy.types.Object, shown: source.Shown) -> Iterator[None]:
    """Send what an object's points are drawn from, in steps; it is there when they are done."""
    for atlas in shown.atlases:
        _texture(atlas)
        yield
    held = _batches.get(obj.name_full)
    if held is not None and held.signatures[0] == shown.signatures[0]:
        vertices, order = held.vertices, held.order
    else:
        vertices, order = _empty_vertices(len(shown)), _order_of(len(shown))
        for name, values in _attributes(shown.patches, shown.colours, order):
            vertices.attr_fill(name, values)
            yield
    kinds = []
    for kind in _kinds(shown, vertices, order):
        kinds.append(kind)
        yield
    _batches[obj.name_full] = _Batches(shown.signatures, vertices, order, kinds)


def _order_of(count: int) -> np.ndarray:  # (count,)
    """Shuffled where they are drawn in parts, always alike, so that each part is a thinner picture of all."""
    return np.random.default_rng(0).permutation(count) if _state.layered else np.arange(count)


def _empty_vertices(count: int) -> gpu.types.GPUVertBuf:
    layout = gpu.types.GPUVertFormat()
    for name, width in (("pos", 3), ("cell", 2), ("size", 1), ("colour", 4)):
        layout.attr_add(id=name, comp_type="F32", len=width, fetch_mode="FLOAT")
    return gpu.types.GPUVertBuf(layout, 4 * count)


def _attributes(
    patches: PatchArrays, colours: np.ndarray | None, order: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """What the corners of all patches say, a name at a time."""
    count = 4 * len(patches)
    yield "pos", patches.corners_mesh[order].reshape(count, 3)
    yield "cell", patches.cells[order].reshape(count, 2)
    yield "size", np.repeat(patches.cell_size[order], 4).reshape(count, 1)
    yield "colour", np.zeros((count, 4), np.float32) if colours is None else colours[order].reshape(count, 4)


def _kinds(
    shown: source.Shown, vertices: gpu.types.GPUVertBuf, order: np.ndarray
) -> Iterator[tuple[str, int, gpu.types.GPUBatch]]:
    held = shown.selected & shown.locked
    for kind, members in ((RESTING, ~shown.selected), (SELECTED, shown.selected & ~held), (HELD, held)):
        for material in range(len(shown.atlases)):
            index = np.flatnonzero((members & (shown.patches.material == material))[order]).astype(np.uint32)
            for start in range(0, len(index), _PATCHES_A_PART):
                part = index[start : start + _PATCHES_A_PART]
                triangles = (part[:, None, None] * np.uint32(4) + _TRIANGLES).reshape(-1, 3)
                elements = gpu.types.GPUIndexBuf(type="TRIS", seq=triangles)
                yield kind, material, gpu.types.GPUBatch(type="TRIS", buf=vertices, elem=elements)
