"""A temporary copy of the artist's scene to render from, and property changes that undo themselves.

Rendering the artist's own scene would mean setting and restoring some forty properties, and the render operator ends by
re-evaluating the context's scene at its frame, which throws away changes of animated properties that are not keyed yet.
So the copy is rendered from the context of a third, empty scene: that one lends the frame number and is the one
re-evaluated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from mosaic_core.errors import Cancelled, CaptureError

from ..compat import fcurves_of


@dataclass
class Overrides:
    """Properties of the artist's datablocks changed for a moment. Always used as `with overrides() as changes`."""

    _restore: list[tuple[Any, str, Any]] = field(default_factory=list)

    def set(self, owner: bpy.types.ID, path: str, value: Any) -> None:
        """Set a property (dots allowed) until the block ends; animation and drivers of it are muted as long."""
        for curve in _curves_of_property(owner, path):
            self._set(curve, "mute", True)
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        self._set(owner, name, value)

    def _set(self, owner: Any, name: str, value: Any) -> None:
        before = getattr(owner, name)
        before = tuple(before) if isinstance(before, bpy.types.bpy_prop_array) else before
        if before != value:
            self._restore.append((owner, name, before))
            setattr(owner, name, value)

    def undo(self) -> None:
        """Put everything back, last change first."""
        while self._restore:
            owner, name, before = self._restore.pop()
            # A handler of another add-on may have removed the datablock meanwhile: the others still go back.
            with contextlib.suppress(ReferenceError):
                setattr(owner, name, before)


@contextlib.contextmanager
def overrides() -> Iterator[Overrides]:
    """Changes that end with the block, however it ends."""
    changes = Overrides()
    try:
        yield changes
    finally:
        changes.undo()


def _curves_of_property(owner: bpy.types.ID, path: str) -> list[bpy.types.FCurve]:
    animation = owner.animation_data
    if animation is None:
        return []
    return [curve for curve in (*fcurves_of(owner), *animation.drivers) if curve.data_path == path]


@dataclass(frozen=True)
class Stage:
    """A copy of the artist's scene with one view layer, and the empty scene that lends its frame."""

    scene: bpy.types.Scene
    clock: bpy.types.Scene

    @property
    def view_layer(self) -> bpy.types.ViewLayer:
        """The layer that is rendered: the one the artist looked at."""
        return self.scene.view_layers[0]

    def render(self, file: Path) -> None:
        """Render to `file`, blocking. Raises `CaptureError` where Blender cannot, `Cancelled` on Escape."""
        self.scene.render.filepath = str(file)
        try:
            with bpy.context.temp_override(scene=self.clock, view_layer=self.clock.view_layers[0]):
                # Blender takes the frame from the context's scene when another one is named.
                result = bpy.ops.render.render(write_still=True, scene=self.scene.name)
        except RuntimeError as error:
            raise CaptureError(
                f"Blender could not render: {one_line(error)} (try another renderer, or a smaller size)"
            ) from error
        if result != {"FINISHED"}:
            raise Cancelled("the capture was cancelled while Blender rendered")
        if not file.is_file() or file.stat().st_size == 0:
            raise CaptureError(f"Blender wrote no picture to {file.parent}: is the disk full?")


@contextlib.contextmanager
def staged(
    scene: bpy.types.Scene,
    layer_name: str,
    *,
    camera: bpy.types.Object,
    frame: int,
    image_height: int,
    image_width: int,
) -> Iterator[Stage]:
    """A stage that renders `camera` at `frame`, gone when the block ends, with every trace of its renders."""
    kept_images = {image.as_pointer() for image in bpy.data.images}
    copy = scene.copy()
    clock = bpy.data.scenes.new("Mosaic Clock")
    try:
        # A name of its own: the render operator finds scenes by name, and a linked one may share the artist's.
        copy.name = "Mosaic Capture"
        for layer in [layer for layer in copy.view_layers if layer.name != layer_name]:
            copy.view_layers.remove(layer)
        # Markers switch the scene's camera, even when only one frame is rendered.
        copy.timeline_markers.clear()
        copy.camera = camera
        copy.frame_current = clock.frame_current = frame
        copy.frame_subframe = clock.frame_subframe = 0.0
        _plain_render(copy, image_height=image_height, image_width=image_width)
        yield Stage(copy, clock)
    finally:
        bpy.data.scenes.remove(copy)
        bpy.data.scenes.remove(clock)
        for image in list(bpy.data.images):
            if image.type == "RENDER_RESULT" and image.as_pointer() not in kept_images:
                bpy.data.images.remove(image)


def _plain_render(scene: bpy.types.Scene, *, image_height: int, image_width: int) -> None:
    """Nothing between the camera and the file: no post-processing, blur, stereo or cropping."""
    scene.view_layers[0].use = True
    render = scene.render
    render.resolution_x, render.resolution_y = image_width, image_height
    render.resolution_percentage = 100
    render.use_file_extension = True
    render.dither_intensity = 0.0
    for name in (
        "film_transparent",
        "use_border",
        "use_compositing",
        "use_freestyle",
        "use_motion_blur",
        "use_multiview",
        "use_persistent_data",
        "use_placeholder",
        "use_sequencer",
        "use_stamp",
    ):
        setattr(render, name, False)
    render.use_overwrite = True


def one_line(error: Exception) -> str:
    """An error of Blender's as part of a sentence."""
    return " ".join(str(error).removeprefix("Error:").split())
