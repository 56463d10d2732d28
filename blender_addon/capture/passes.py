"""The two renders of a view: the picture, and the exact pass that gives object ids, depth and the camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.conventions import FAR_M
from mosaic_core.errors import CaptureError

from .. import compat
from .exr import read_exr
from .facts import Surfaces, during_render, read_camera, read_surfaces
from .palette import Palette, indices_of_colours
from .stage import Overrides, Stage, overrides

WORKBENCH = "BLENDER_WORKBENCH"

# What Workbench blends over surfaces, so that neither colour nor depth below stay exact.
_BLENDED_TYPES = frozenset({"VOLUME", "GPENCIL", "GREASEPENCIL"})


@dataclass(frozen=True, eq=False)
class ExactPass:
    """What the Workbench render of flat colours says about each pixel."""

    indices: np.ndarray  # (H, W) int32 palette numbers; 0 = no object
    z_depth: np.ndarray  # (H, W) float32 metres; inf where nothing is hit or unknown
    sky: np.ndarray  # (H, W) bool, nothing is hit
    camera: Camera
    surfaces: Surfaces | None  # where asked for


def render_picture(stage: Stage, file: Path, *, engine: str, samples: int | None) -> np.ndarray:
    """Render (H, W, 3) uint8 sRGB with the artist's look. Raises `CaptureError`."""
    scene = stage.scene
    try:
        scene.render.engine = engine
    except TypeError as error:
        raise CaptureError(f"this Blender has no renderer {engine!r}: enable its add-on or choose another") from error
    if engine == WORKBENCH and scene.display.shading.color_type == "MATERIAL":
        # Blender's default, and grey wherever there is a texture. "Texture" shows the same colours and the textures.
        scene.display.shading.color_type = "TEXTURE"
    if samples is not None:
        stage.view_layer.samples = 0  # a layer's own number would win
        if engine == "CYCLES":
            scene.cycles.samples = samples
        elif engine == compat.eevee_id():
            scene.eevee.taa_render_samples = samples
    settings = scene.render.image_settings
    compat.set_image_format(settings, "PNG")
    settings.color_mode, settings.color_depth, settings.compression = "RGB", "8", 0
    settings.color_management = "FOLLOW_SCENE"
    with overrides() as changes:
        prepare_objects(changes, scene)
        stage.render(file)
    return _read_png(file)


def render_exact(stage: Stage, file: Path, *, palette: Palette, like_engine: str, with_surfaces: bool) -> ExactPass:
    """Render ids and depth of what `like_engine` shows. Raises `CaptureError`, `CameraError`."""
    scene, found = stage.scene, {}
    _flat_colours(scene)
    stage.view_layer.use_pass_z = True

    def read(depsgraph: bpy.types.Depsgraph) -> None:
        found["camera"] = read_camera(scene.camera, depsgraph, scene=scene)
        found["surfaces"] = read_surfaces(depsgraph) if with_surfaces else None

    with overrides() as changes:
        prepare_objects(changes, scene)
        for obj, colour in palette.colours():
            changes.set(obj, "color", colour)
            if _not_in_exact_pass(obj, like_engine=like_engine):
                changes.set(obj, "hide_render", True)
        with during_render(scene, read) as errors:
            stage.render(file)
    if errors:
        raise errors[0]
    if "camera" not in found:
        raise CaptureError(
            "Blender rendered without evaluating the scene: capture again, and Copy Report if it happens twice"
        )
    indices, z_depth = _decoded(read_exr(file))
    sky = np.isinf(z_depth)
    if like_engine != WORKBENCH:
        # A holdout is a hole in the picture: what is there is unknown, and certainly not black.
        hole = np.isin(indices, _holdouts(stage.view_layer, palette))
        indices, z_depth = np.where(hole, 0, indices), np.where(hole, np.float32(np.inf), z_depth)
    return ExactPass(indices, z_depth, sky, found["camera"], found["surfaces"])


def prepare_objects(changes: Overrides, scene: bpy.types.Scene) -> None:
    """What neither render may show: lens blur, our own memory, and objects drawn through others."""
    changes.set(scene.camera.data, "dof.use_dof", False)
    for obj in bpy.data.objects:
        if obj.show_in_front:
            changes.set(obj, "show_in_front", False)
        if obj.mosaic.is_memory:
            changes.set(obj, "hide_render", True)


def _not_in_exact_pass(obj: bpy.types.Object, *, like_engine: str) -> bool:
    """Objects that would spoil ids and depth, or that the picture's engine does not show to the camera."""
    if obj.type in _BLENDED_TYPES:
        return True
    return like_engine != WORKBENCH and not obj.visible_camera


def _holdouts(view_layer: bpy.types.ViewLayer, palette: Palette) -> list[int]:
    """The palette numbers of objects cut out of the picture, by themselves or by their collection."""
    return [
        index
        for index, obj in enumerate(palette.objects, start=1)
        if obj.name in view_layer.objects and obj.holdout_get(view_layer=view_layer)
    ]


def _flat_colours(scene: bpy.types.Scene) -> None:
    scene.render.engine = WORKBENCH
    scene.render.film_transparent = True
    compat.set_readable_exr(scene.render.image_settings)
    display = scene.display
    display.render_aa = "OFF"
    shading = display.shading
    shading.light, shading.color_type = "FLAT", "OBJECT"
    for name in ("show_backface_culling", "show_cavity", "show_object_outline", "show_shadows"):
        setattr(shading, name, False)
    for name in ("show_specular_highlight", "show_xray", "use_dof"):
        setattr(shading, name, False)


def _decoded(channels: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) int32 palette numbers and (H, W) float32 planar depth of a render with flat colours."""

    def channel(suffix: str) -> np.ndarray:
        for name, values in channels.items():
            if name.endswith(suffix):
                return values
        raise CaptureError(f"Blender's render lacks the pass {suffix}: it has {', '.join(channels)}")

    rgba = np.stack([channel(f"Combined.{letter}") for letter in "RGBA"], axis=-1)
    depth = channel("Depth.Z")
    hit = np.isfinite(depth) & (depth > 0) & (depth < FAR_M)
    indices = np.where(hit, indices_of_colours(rgba), 0).astype(np.int32)
    return indices, np.where(hit, depth, np.float32(np.inf))


def _read_png(file: Path) -> np.ndarray:  # (H, W, 3) uint8
    try:
        image = bpy.data.images.load(str(file), check_existing=False)
    except RuntimeError as error:
        raise CaptureError(f"Blender's render {file.name} cannot be read back: {error}; is the disk full?") from error
    try:
        width, height = image.size
        if not (width and height):
            raise CaptureError(f"Blender's render {file.name} is damaged: is the disk full?")
        values = np.zeros(height * width * image.channels, dtype=np.float32)
        image.pixels.foreach_get(values)
    finally:
        bpy.data.images.remove(image)
    # Blender's pixels of an 8-bit file are its bytes / 255, bottom row first.
    pixels = values.reshape(height, width, -1)[::-1, :, :3]
    return np.rint(pixels * 255).astype(np.uint8)
