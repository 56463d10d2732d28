"""What a generated take becomes in Blender: a camera background, a strip in the sequencer, and frames while it is made.

`apply_take` changes the file in one go, so that one undo step takes everything back; whoever calls it sees to that
step. Only the newest take is the camera's background: an older one of ours is replaced, because stacked
backgrounds hide each other. Strips are kept, each take on a free channel, because comparing takes is what a sequencer
is for.
"""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np

from mosaic_core.errors import GenerateError

from . import compat
from .scene_id import id_of
from .takes import Take

PREVIEW_NAME = "Mosaic Result"
TAKE_KEY = "mosaic_take"  # custom property of the images and strips this module made
MAX_CHANNELS = 128  # Blender's own limit, the same on 4.2 .. 5.2


def output_folder_of(scene: bpy.types.Scene) -> Path:
    """The folder of the scene's takes; for a path relative to a .blend that is not saved, one among the user's files.

    Raises `GenerateError` where none is set.
    """
    setting = scene.mosaic.output_folder.strip()
    if not setting:
        raise GenerateError("choose an output folder first: none is set")
    if setting.startswith("//") and not bpy.data.filepath:
        return unsaved_takes(scene)
    return Path(os.path.abspath(bpy.path.abspath(setting)))


def unsaved_takes(scene: bpy.types.Scene) -> Path:
    """Where takes go that a scene gets before its file is saved. Raises `GenerateError`."""
    try:
        return compat.user_dir("takes") / id_of(scene)
    except OSError as error:
        raise GenerateError(f"save the .blend file first, or choose another output folder: {error}") from error


def apply_take(
    scene: bpy.types.Scene,
    take: Take,
    *,
    camera_name: str,  # whose background it becomes
    add_background: bool = True,
    add_strip: bool = True,
) -> list[str]:
    """Put the take into the scene; returns a sentence for each thing that could not be done.

    Does not push an undo step.
    """
    notes = []
    if add_background:
        note = set_background(take, camera_name)
        notes += [note] if note else []
    if add_strip:
        note = add_take_strip(scene, take)
        notes += [note] if note else []
    show_frame(take.frame_files[-1])
    return notes


def set_background(take: Take, camera_name: str) -> str:
    """Make the take the camera's background in place of an older take; a sentence where that is impossible."""
    camera_obj = bpy.data.objects.get((camera_name, None))
    if camera_obj is None or camera_obj.type != "CAMERA":
        return f"the camera {camera_name} is gone: the take was not added as a background"
    camera = camera_obj.data
    if camera.library is not None:
        return f"the camera {camera_name} is linked from another file: the take was not added as a background"
    if not take.is_gapless or take.frame_numbers[0] < 0:
        return "the take skips frames or has negative ones: it was not added as a background"
    background = _own_background(camera) or camera.background_images.new()
    old = background.image
    image = bpy.data.images.load(blender_path(take.frame_files[0]))
    image.name, image.source = take.name, "SEQUENCE"
    image[TAKE_KEY] = take.folder.name
    background.source, background.image = "IMAGE", image
    background.alpha, background.display_depth = 1.0, "FRONT"
    background.frame_method = "FIT"
    user = background.image_user
    user.frame_start = take.frame_numbers[0]
    user.frame_offset = take.frame_numbers[0] - 1
    user.frame_duration = len(take.frame_files)
    user.use_auto_refresh = True
    camera.show_background_images = True
    if old is not None and old.users == 0:
        bpy.data.images.remove(old)
    return ""


def _own_background(camera: bpy.types.Camera) -> bpy.types.CameraBackgroundImage | None:
    """The background an older take left; any further ones are removed."""
    own = [each for each in camera.background_images if each.image is not None and TAKE_KEY in each.image]
    for surplus in own[1:]:
        camera.background_images.remove(surplus)
    return own[0] if own else None


def add_take_strip(scene: bpy.types.Scene, take: Take) -> str:
    """Add the take's frames as an image strip on a free channel; a sentence where that is impossible."""
    if scene.library is not None:
        return f"the scene {scene.name} is linked from another file: no strip was added"
    editor = scene.sequence_editor_create()
    strips = compat.strips_of(editor)
    first, end = take.frame_numbers[0], take.frame_numbers[-1] + 1
    channel = _free_channel(strips, first, end)
    if channel is None:
        return "the sequencer has no free channel for the take: no strip was added"
    if len(strips) == 0:
        # With a strip in it the sequencer would replace the artist's next render; looking at the take needs no render.
        scene.render.use_sequencer = False
    strip = strips.new_image(
        name=take.name,
        filepath=blender_path(take.frame_files[0]),
        channel=channel,
        frame_start=first,
        fit_method="FIT",
    )
    strip[TAKE_KEY] = take.folder.name
    for file in _held_frames(take)[1:]:
        strip.elements.append(file.name)
    return ""


def remove_take(folder: Path) -> None:
    """Remove what this module made of a take whose folder is gone: backgrounds, strips and its image.

    What an artist made of its frames stays, as does what is linked. Does not push an undo step.
    """
    for scene in bpy.data.scenes:
        if scene.library is None and scene.sequence_editor is not None:
            strips = compat.strips_of(scene.sequence_editor)
            for strip in [
                each for each in strips if each.type == "IMAGE" and _is_of_take(each, each.directory, folder)
            ]:
                strips.remove(strip)
    ours = [image for image in bpy.data.images if _is_of_take(image, image.filepath, folder)]
    for camera in bpy.data.cameras:
        if camera.library is None:
            for background in [each for each in camera.background_images if each.image in ours]:
                background.image = None  # removing it alone would leave the image a user
                camera.background_images.remove(background)
    for image in ours:
        if image.users == 0:
            bpy.data.images.remove(image)


def _is_of_take(made, path: str, folder: Path) -> bool:
    """Whether this module made an image or a strip of files in a take's folder. Older strips have no key."""
    ours = TAKE_KEY in made or made.name.startswith(f"Mosaic {folder.name}")
    return ours and Path(os.path.abspath(bpy.path.abspath(path))).is_relative_to(folder)


def _held_frames(take: Take) -> list[Path]:
    """One file for every frame of the timeline: where the take skips frames, the last one is held."""
    held, following = [], iter(zip(take.frame_numbers, take.frame_files, strict=True))
    number, file = next(following)
    upcoming = next(following, None)
    for frame in range(number, take.frame_numbers[-1] + 1):
        if upcoming is not None and frame >= upcoming[0]:
            file, upcoming = upcoming[1], next(following, None)
        held.append(file)
    return held


def _free_channel(strips, first: int, end: int) -> int | None:
    taken = set()
    for strip in strips:
        strip_first, strip_end = compat.strip_span(strip)
        if strip_first < end and first < strip_end:
            taken.add(strip.channel)
    return next((channel for channel in range(1, MAX_CHANNELS + 1) if channel not in taken), None)


def show_frame(file: Path) -> bpy.types.Image:
    """Show one frame in the image `Mosaic Result`, which an Image Editor or the panel may display."""
    image = bpy.data.images.get((PREVIEW_NAME, None))
    if image is None:
        image = bpy.data.images.load(str(file))
        image.name = PREVIEW_NAME
    elif image.filepath != str(file):
        image.filepath = str(file)
    image.reload()
    return image


def blender_path(file: Path) -> str:
    """Relative to the .blend file where it is saved on the same drive, so that both can move together."""
    if not bpy.data.filepath:
        return str(file)
    try:
        return bpy.path.relpath(str(file))
    except ValueError:
        return str(file)


_thumbnails: dict[str, bpy.utils.previews.ImagePreviewCollection] = {}
_MAX_THUMBNAILS = 32
_LIVE = "live"
_LIVE_WIDTH_PX = 256


def thumbnail(file: str) -> int:
    """The icon of a finished frame for the panel, 0 where it is not there. Held outside the .blend file's data."""
    if bpy.app.background or not file or not os.path.isfile(file):
        return 0
    previews = _preview_collection()
    # A take written again keeps its file names: the time of writing tells its frames apart.
    key = f"{file}|{os.stat(file).st_mtime_ns}"
    if key not in previews:
        if len(previews) >= _MAX_THUMBNAILS:
            previews.clear()
        previews.load(key, file, "IMAGE")
    return previews[key].icon_id


def live_thumbnail() -> int:
    """The icon of the frame that `show_live` showed last, 0 where there is none."""
    previews = _thumbnails.get("frames", {})
    return previews[_LIVE].icon_id if _LIVE in previews else 0


def show_live(file: Path) -> None:
    """Show a frame of the running job: in the image `Mosaic Result` and in the panel.

    Blender would load the icon of a file by a job of its own, which starts anew with every frame and never ends.
    """
    image = show_frame(file)
    width, height = image.size
    if width == 0 or height == 0 or bpy.app.background:
        return
    step = max(1, width // _LIVE_WIDTH_PX)
    pixels = np.zeros(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    thinned = pixels.reshape(height, width, image.channels)[::step, ::step]
    small = np.ones((*thinned.shape[:2], 4), np.float32)
    small[..., : image.channels] = thinned
    previews = _preview_collection()
    preview = previews[_LIVE] if _LIVE in previews else previews.new(_LIVE)
    preview.image_size = small.shape[1], small.shape[0]
    preview.image_pixels_float.foreach_set(small.ravel())


def forget_live() -> None:
    """The job is over: its last frame is no longer news."""
    previews = _thumbnails.get("frames")
    if previews is not None and _LIVE in previews:
        del previews[_LIVE]


def forget_thumbnails() -> None:
    """Free the icons."""
    while _thumbnails:
        bpy.utils.previews.remove(_thumbnails.popitem()[1])


def _preview_collection() -> bpy.utils.previews.ImagePreviewCollection:
    if "frames" not in _thumbnails:
        _thumbnails["frames"] = bpy.utils.previews.new()
    return _thumbnails["frames"]
