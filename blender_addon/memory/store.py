"""From an object to its `Memory`: finds the file, checks that it is the right one, keeps what was loaded.

The cache is by file and never by datablock: undo, file loads and mode switches invalidate every reference to one. A
file that is not where the object says is looked for where the object last saw it, beside the .blend and in its
`mosaic` folder, and taken only if its SHA-256 is the recorded one.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import bpy

from mosaic_core.errors import MemoryFileError, MosaicError
from mosaic_core.memory import Memory, load_memory, memory_sha256

# Two memories an artist switches between, and the one being generated from.
KEPT_MEMORIES = 3

_FileKey = tuple[str, int, int]  # absolute path, mtime in ns, size: changes whenever somebody writes the file
_memories: OrderedDict[_FileKey, Memory] = OrderedDict()
_digests: dict[_FileKey, str] = {}


def active_memory(context: bpy.types.Context) -> bpy.types.Object | None:
    """The memory object an artist means: the active object where it is one, else the scene's."""
    obj = context.view_layer.objects.active if context.view_layer else None
    if is_memory(obj):
        return obj
    settings = getattr(context.scene, "mosaic", None)
    chosen = settings.memory if settings else None
    return chosen if is_memory(chosen) else None


def is_memory(obj: bpy.types.Object | None) -> bool:
    """True for a mesh object built from a memory."""
    return obj is not None and obj.type == "MESH" and obj.mosaic.is_memory


def memory_of(obj: bpy.types.Object) -> Memory:
    """The memory an object shows, as it lies in its file. The faces may say otherwise: see `memory.read`.

    Raises `MosaicError` for an object that shows none, `MemoryFileError` where the file is missing, is another one than
    the object was made from, or cannot be read.
    """
    file = memory_file_of(obj)
    key = _file_key(file)
    memory = _memories.get(key)
    if memory is None:
        memory = _loaded(file)
        _keep(key, memory)
    _memories.move_to_end(key)
    return memory


def memory_if_loaded(obj: bpy.types.Object) -> Memory | None:
    """What `memory_of` would give where that costs nothing: the file is loaded, its hash known and the object's."""
    try:
        key = _file_key(absolute_path(obj))
    except MemoryFileError:
        return None
    digest = obj.mosaic.memory_sha256
    return _memories.get(key) if not digest or _digests.get(key) == digest else None


def load_in_advance(file: Path) -> None:
    """Load a file and its hash, so that `memory_of` need not: for threads. Raises `MemoryFileError`."""
    key = _file_key(file)
    if key not in _digests:
        _digests[key] = memory_sha256(file)
    if key not in _memories:
        _keep(key, _loaded(file))


def memory_file_of(obj: bpy.types.Object) -> Path:
    """The file of an object's memory, checked by hash. Raises as `memory_of` does."""
    if not is_memory(obj):
        raise MosaicError(
            f"{obj.name!r} is not a memory: capture one first" if obj else "there is no memory: capture one first"
        )
    found = find_file(obj)
    if found is not None:
        return found
    stated = absolute_path(obj)
    if _is_file(stated):
        raise MemoryFileError(
            f"{stated} is not the file that {obj.name!r} was made from (its SHA-256 differs): use Relink Memory"
        )
    raise MemoryFileError(f"the memory file of {obj.name!r} is missing, expected {stated}: use Relink Memory")


def find_file(obj: bpy.types.Object) -> Path | None:
    """Where the object's memory file is now, None where no place it may be has one with the right hash."""
    digest = obj.mosaic.memory_sha256
    for file in _candidates(obj):
        if _is_file(file) and _matches(file, digest):
            return file
    return None


def relink_automatically(obj: bpy.types.Object) -> bool:
    """Point a local object at its file where that was found elsewhere; True where the path changed."""
    if not is_memory(obj) or not is_editable(obj):
        return False
    found = find_file(obj)
    if found is None or found == absolute_path(obj):
        return False
    set_path(obj, found)
    return True


def relink(obj: bpy.types.Object, file: Path) -> Memory:
    """Point an object at a file an artist chose: the same memory, or a later state of it.

    Raises `MosaicError` for a memory whose patches are not those of the object's faces, `MemoryFileError` for a file
    that cannot be read.
    """
    from .faces import face_ints, readable_mesh
    from .mesh_arrays import tag_of

    memory = _loaded(file)
    digest = memory_sha256(file)
    if digest != obj.mosaic.memory_sha256:
        with readable_mesh(obj) as mesh:
            tags, rows = face_ints(mesh, "memory"), face_ints(mesh, "row")
        own = (rows > 0) & (tags != 0)
        fits = (tags[own] == tag_of(memory.patches)) & (rows[own] <= len(memory.patches))
        if own.any() and not fits.any():
            raise MosaicError(f"{file.name} holds another memory than the one {obj.name!r} shows: choose its own file")
    set_path(obj, file, sha256=digest)
    remember(memory, file, sha256=digest)
    return memory


def remember(memory: Memory, file: Path, *, sha256: str | None = None) -> None:
    """Keep a memory that was just written to `file`, and its hash, so that it need not be loaded and hashed again."""
    key = _file_key(file)
    _keep(key, memory)
    if sha256 is not None:
        _digests[key] = sha256


def forget() -> None:
    """Drop everything loaded."""
    _memories.clear()
    _digests.clear()


def set_path(obj: bpy.types.Object, file: Path, *, sha256: str | None = None) -> None:
    """Record where an object's memory file is, relative to the .blend file where there is one."""
    file = Path(os.path.abspath(file))
    obj.mosaic.memory_path = relative_to(file, bpy.data.filepath)
    obj.mosaic.memory_path_absolute = str(file)
    if sha256 is not None:
        obj.mosaic.memory_sha256 = sha256


def relative_to(file: Path, blend_file: str) -> str:
    """`file` the way Blender writes paths relative to a .blend; absolute where that is impossible."""
    if not blend_file:
        return str(file)
    try:
        return bpy.path.relpath(str(file), start=os.path.dirname(blend_file))
    except ValueError:  # another drive
        return str(file)


def absolute_path(obj: bpy.types.Object) -> Path:
    """What the object's path stands for now; for a linked object, seen from the file it is linked from."""
    return Path(os.path.abspath(bpy.path.abspath(obj.mosaic.memory_path, library=obj.library)))


def is_editable(obj: bpy.types.Object) -> bool:
    """False for what is linked from another file: Blender would drop every change on reload."""
    return obj.library is None and (obj.data is None or obj.data.library is None)


def _loaded(file: Path) -> Memory:
    """The memory in a file. Raises `MemoryFileError` that says what can be done about a damaged one."""
    try:
        return load_memory(file)
    except MemoryFileError as error:
        raise MemoryFileError(f"{error}; relink a copy that is whole, or capture again") from error


def _candidates(obj: bpy.types.Object) -> list[Path]:
    settings = obj.mosaic
    places = [absolute_path(obj)]
    if settings.memory_path_absolute:
        places.append(Path(settings.memory_path_absolute))
    # A path written on another system: its last part is the file's name all the same.
    name = settings.memory_path.replace("\\", "/").rsplit("/", 1)[-1]
    blend_file = obj.library.filepath if obj.library else bpy.data.filepath
    if name and blend_file:
        folder = Path(os.path.abspath(bpy.path.abspath(blend_file))).parent
        places += [folder / name, folder / "mosaic" / name]
    return list(dict.fromkeys(places))


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a folder that may not be looked into
        return False


def _matches(file: Path, digest: str) -> bool:
    if not digest:
        return True
    try:
        key = _file_key(file)
        if key not in _digests:
            _digests[key] = memory_sha256(file)
    except MemoryFileError:
        return False
    return _digests[key] == digest


def _file_key(file: Path) -> _FileKey:
    try:
        stat = file.stat()
    except OSError as error:
        raise MemoryFileError(
            f"cannot read {file}: {error.strerror or error}; see that it is there and yours, or use Relink Memory"
        ) from error
    return os.path.abspath(file), stat.st_mtime_ns, stat.st_size


def _keep(key: _FileKey, memory: Memory) -> None:
    _memories[key] = memory
    _memories.move_to_end(key)
    while len(_memories) > KEPT_MEMORIES:
        _memories.popitem(last=False)
