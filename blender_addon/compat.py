"""What differs between Blender 4.2 and 5.2, hidden behind one name each.

No other module looks at `bpy.app.version` or tests for an attribute that comes and goes with it, so that support for a
version is added or dropped here alone. Where both ways of an API exist in one version, the newer one is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import bpy


def eevee_id() -> str:
    """The id of EEVEE in `scene.render.engine`: renamed for 4.2 .. 4.5 while old and new EEVEE existed together."""
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


def set_image_format(settings: bpy.types.ImageFormatSettings, file_format: str) -> None:
    """Set `file_format`; since 5.0 the kind of medium must agree with it first, or Blender refuses the format."""
    if hasattr(settings, "media_type"):
        if file_format == "OPEN_EXR_MULTILAYER":
            settings.media_type = "MULTI_LAYER_IMAGE"
        else:
            settings.media_type = "VIDEO" if file_format == "FFMPEG" else "IMAGE"
    settings.file_format = file_format


def set_readable_exr(settings: bpy.types.ImageFormatSettings) -> None:
    """Every pass as uncompressed 32-bit floats in one part: the file `capture.exr` can read."""
    set_image_format(settings, "OPEN_EXR_MULTILAYER")
    settings.color_mode = "RGBA"
    settings.color_depth = "32"
    settings.exr_codec = "NONE"
    # Since 5.0 passes are separate parts of the file unless they are interleaved.
    if hasattr(settings, "use_exr_interleave"):
        settings.use_exr_interleave = True


def strips_of(editor: bpy.types.SequenceEditor):
    """The sequencer's top-level strips, a collection with `new_image`, `new_movie` and `remove`."""
    # An empty collection is falsy, so `strips or sequences` would pick the wrong one.
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def fcurves_of(datablock: bpy.types.ID) -> Iterable[bpy.types.FCurve]:
    """The F-curves that animate a datablock; empty where it has no action.

    With slotted actions (4.4 on) these are the curves of the datablock's own slot. The result is Blender's
    collection, with `new`, `find` and `remove`, wherever there is an action with curves.
    """
    animation = datablock.animation_data
    action = animation.action if animation else None
    if action is None:
        return ()
    if not hasattr(action, "layers"):
        return action.fcurves
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(animation.action_slot) if animation.action_slot else None
            if bag is not None:
                return bag.fcurves
    return ()


def relative_path_options() -> set[str]:
    """Options of a path property that may begin with `//`; from 4.5 on Blender marks such a path red without them."""
    return {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()


def user_dir(folder: str = "") -> Path:
    """A folder of ours that survives updates of the extension, created where it is missing. Raises `OSError`.

    The folder of the extension itself must stay untouched: Blender replaces it on update.
    """
    try:
        path = bpy.utils.extension_path_user(__package__, path=folder, create=True)
    except ValueError:
        # Imported as a plain package (tests, `mosaic demo`), not installed as an extension.
        path = bpy.utils.user_resource("DATAFILES", path=str(Path("mosaic") / folder), create=True)
    result = Path(path)
    result.mkdir(parents=True, exist_ok=True)
    return result


def strip_span(strip) -> tuple[int, int]:
    """First frame of a sequencer strip and the frame after its last."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def exit_handlers() -> list | None:
    """Handlers that run before Blender quits, None before 5.1, where only `atexit` does."""
    return getattr(bpy.app.handlers, "exit_pre", None)


def graphics_in_words() -> str:
    """The graphics card that draws Blender's windows; without a window, Blender has none to ask."""
    if bpy.app.background:
        return "none, no window"
    import gpu

    return f"{gpu.platform.renderer_get()}, {gpu.platform.backend_type_get()} {gpu.platform.version_get()}"


def graphics_backend() -> str:
    """What draws Blender's windows, as `--gpu-backend` wants it; "" where there is none to ask."""
    if bpy.app.background:
        return ""
    import gpu

    backend = gpu.platform.backend_type_get().lower()
    return backend if backend in ("opengl", "metal", "vulkan") else ""


def blender_in_words() -> str:
    """Which Blender this is, for a report."""
    return f"Blender {bpy.app.version_string} ({bpy.app.build_hash.decode(errors='replace')})"
