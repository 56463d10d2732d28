"""Where a captured memory goes: a `.mosaic` file beside the .blend, and an object in the scene that shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

import bpy

from mosaic_core.errors import CaptureError
from mosaic_core.memory import Memory, save_memory

from ..beside import Progress, beside
from ..compat import user_dir
from .request import CaptureRequest
from .steps import capture_memory


def capture_into_scene(
    context: bpy.types.Context, request: CaptureRequest, *, name: str = "Memory", extend: bool = False
) -> bpy.types.Object:
    """Capture without a break and put the result into the scene. Raises `MosaicError`; pushes no undo step."""
    known = memory_to_extend(context) if extend else None
    memory = capture_memory(context, request, extend=known)
    return store_memory(context, memory, name=name, extend=extend)


def memory_to_extend(context: bpy.types.Context) -> Memory:
    """The scene's memory as the artist has edited it. Raises `CaptureError` where there is none, `MosaicError`."""
    from ..memory.read import edited_memory
    from ..memory.store import is_memory

    obj = context.scene.mosaic.memory
    if not is_memory(obj):
        raise CaptureError("the scene has no memory to add views to: capture one first")
    return edited_memory(obj)


def store_memory(
    context: bpy.types.Context, memory: Memory, *, name: str = "Memory", extend: bool = False
) -> bpy.types.Object:
    """`store_steps` without a break."""
    steps = store_steps(context, memory, name=name, extend=extend)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def store_steps(
    context: bpy.types.Context,
    memory: Memory,
    *,
    name: str = "Memory",
    extend: bool = False,
    progress: Progress = None,  # what each step yields
) -> Generator[Progress, None, bpy.types.Object]:
    """Save the memory to a file of its own and show it in the scene, in a new object or (`extend`) the scene's one.

    A thread saves it and computes what its mesh is made of; the generator's return value is the object. An older file
    is never overwritten: undo would bring back an object that was made from it. Raises `MosaicError`, and then, as
    where it is closed before its end, leaves neither file nor object.
    """
    from ..memory.build import build_memory_object, rebuild_memory_object
    from ..memory.mesh_arrays import prepared

    try:
        file = free_file(memory_folder(), name)
    except OSError as error:
        raise CaptureError(
            f"the folder for memories cannot be written: {error}; save the .blend file where you may write"
        ) from error

    def save():
        save_memory(memory, file)
        return prepared(memory, file)

    try:
        made = yield from beside(save, progress)
        if extend:
            obj = context.scene.mosaic.memory
            rebuild_memory_object(obj, memory, file, made=made)
        else:
            obj = build_memory_object(context, memory, file, name=name, made=made)
    except BaseException:
        with contextlib.suppress(OSError):
            file.unlink()
        raise
    context.scene.mosaic.memory = obj
    return obj


def memory_folder() -> Path:
    """`mosaic` beside a saved .blend, else a folder of ours among the user's files. Raises `OSError`."""
    if not bpy.data.filepath:
        return user_dir("memories")
    folder = Path(bpy.data.filepath).parent / "mosaic"
    folder.mkdir(exist_ok=True)
    return folder


def free_file(folder: Path, name: str) -> Path:
    """The first of `name.mosaic`, `name_002.mosaic`, ... that does not exist yet."""
    # bpy.path.clean_name replaces what some file system forbids; a name may consist of such characters alone.
    stem = bpy.path.clean_name(name).strip("._ ") or "memory"
    candidate, number = folder / f"{stem}.mosaic", 1
    while candidate.exists():
        number += 1
        candidate = folder / f"{stem}_{number:03d}.mosaic"
    return candidate
