"""The scene as a file for another Blender, as it is at this moment, with what was asked to be captured of it.

`libraries.write` holds the window for 20 ms where `save_as_mainfile` takes 330 (that one draws a thumbnail as well),
calls nobody's save handlers, and leaves out what the scene does not use. The time grows with the scene as an autosave's
does: 290 MB take 100 ms, beside other work on the same cores 400. It writes no pixels that were painted and not saved:
those go beside the file, as arrays.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from mosaic_core.errors import CaptureError

from ..beside import Progress, beside
from .request import CaptureRequest
from .stage import one_line

_REQUEST_FILE = "request.json"
# What holds one picture: its pixels can be read and put back.
_PLAIN_SOURCES = ("FILE", "GENERATED")


def unwritable(scene: bpy.types.Scene) -> str:
    """Why the scene cannot go into a file as it is, a clause; "" where it can."""
    if scene.library is not None:
        return f"the scene {scene.name} is linked from another file"
    for image in _painted_images():
        if image.source not in _PLAIN_SOURCES:
            return f"the image {image.name} of several files was painted and is not saved"
    return ""


def snapshot_steps(
    scene: bpy.types.Scene,
    layer_name: str,
    request: CaptureRequest,
    folder: Path,
    progress: Progress = None,  # what each step yields
) -> Generator[Progress, None, Path]:
    """Write scene and request into the folder; the generator's return value is the .blend file.

    The scene is that of the last step: nobody may change it before. Raises `CaptureError`.
    """
    try:
        painted = []
        for number, image in enumerate(_painted_images()):
            pixels = np.zeros(image.size[0] * image.size[1] * image.channels, np.float32)
            image.pixels.foreach_get(pixels)
            file = folder / f"pixels_{number:04d}.npy"
            painted.append({"name": image.name_full, "file": file.name, "size": list(image.size)})
            yield from beside(lambda file=file, pixels=pixels: np.save(file, pixels), progress)
        # Of the same name as the artist's: caches on the disk are looked for by it.
        blend_file = folder / f"{Path(bpy.data.filepath).stem or 'scene'}.blend"
        asked = {
            "scene": scene.name,
            "layer": layer_name,
            "cameras": [(camera.name_full, frame) for camera, frame in request.cameras],
            "size": (request.image_height, request.image_width),
            "engine": request.engine,
            "samples": request.samples,
            "painted": painted,
        }
        (folder / _REQUEST_FILE).write_text(json.dumps(asked), encoding="utf-8")
        _link_caches(folder)
        bpy.ops.ed.flush_edits()
        bpy.data.libraries.write(
            str(blend_file), {scene, *_driver_texts()}, path_remap="ABSOLUTE", fake_user=False, compress=False
        )
    except (OSError, RuntimeError) as error:
        raise CaptureError(f"the scene cannot be written for it ({one_line(error)})") from error
    return blend_file


def read_snapshot(folder: Path) -> tuple[bpy.types.Scene, bpy.types.ViewLayer, CaptureRequest]:
    """What the file that is open was written for, painted pixels put back. Raises `CaptureError`."""
    asked = json.loads((folder / _REQUEST_FILE).read_text(encoding="utf-8"))
    for entry in asked["painted"]:
        _put_back(entry, np.load(folder / entry["file"], allow_pickle=False))
    try:
        scene = bpy.data.scenes[asked["scene"], None]
        objects = {obj.name_full: obj for obj in bpy.data.objects}
        cameras = tuple((objects[name], frame) for name, frame in asked["cameras"])
        layer = scene.view_layers[asked["layer"]]
    except KeyError as error:
        raise CaptureError(f"the written scene lacks {error}") from error
    height, width = asked["size"]
    request = CaptureRequest(
        cameras, image_height=height, image_width=width, engine=asked["engine"], samples=asked["samples"]
    )
    return scene, layer, request


def _painted_images() -> list[bpy.types.Image]:
    return [
        image
        for image in bpy.data.images
        if image.is_dirty and image.type not in ("RENDER_RESULT", "COMPOSITING") and image.users and image.has_data
    ]


def _put_back(entry: dict[str, Any], pixels: np.ndarray) -> None:
    found = [image for image in bpy.data.images if image.name_full == entry["name"]]
    if not found:  # the scene does not use it
        return
    image, size = found[0], tuple(entry["size"])
    if tuple(image.size) != size or len(image.pixels) != len(pixels):
        image.source, (image.generated_width, image.generated_height) = "GENERATED", size
    image.pixels.foreach_set(pixels)
    image.update()


def _driver_texts() -> list[bpy.types.Text]:
    """Texts that define functions for drivers and ran when the file was opened; others do not run there either."""
    return [text for text in bpy.data.texts if text.use_module and text.name.removesuffix(".py") in sys.modules]


def _link_caches(folder: Path) -> None:
    """Simulations that keep their caches on the disk look for them beside the file."""
    file = Path(bpy.data.filepath)
    caches = file.parent / f"blendcache_{file.stem}"
    if bpy.data.filepath and caches.is_dir():
        with contextlib.suppress(OSError):  # Windows lets not everybody make links
            (folder / caches.name).symlink_to(caches, target_is_directory=True)
