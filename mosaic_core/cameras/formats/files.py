"""Opening, guessing, limiting and writing the files of camera-path formats: the only code here that meets a disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...conventions import FAR_M
from ...errors import CameraError
from ...files import bytes_of_file, write_atomically
from ..path import CameraPath
from . import (
    colmap,
    colmap_binary,
    gen3c,
    gen3c_export,
    gen3c_multiview,
    instant_ngp,
    kitti,
    lingbot,
    matrix_game,
    mirage,
    mosaicmem,
    native,
    nerfstudio,
    realestate10k,
    recammaster,
    seva,
    spatia,
    transforms,
    tum,
    viewcrafter,
    vipe,
    worldscore,
)
from .base import Documents, Format, Gaps
from .lost import Lost, lost_in

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        native,
        realestate10k,
        nerfstudio,
        transforms,
        gen3c,
        gen3c_multiview,
        matrix_game,
        mirage,
        colmap,
        colmap_binary,
        mosaicmem,
        instant_ngp,
        gen3c_export,
        seva,
        recammaster,
        worldscore,
        spatia,
        vipe,
        lingbot,
        kitti,
        tum,
        viewcrafter,  # last, as three lines of numbers may be something else
    )
}
FORMAT_NAMES: tuple[str, ...] = tuple(FORMATS)
ABOUT_FORMATS: dict[str, str] = {name: format_.about for name, format_ in FORMATS.items()}
_NOT_JSON = {".txt": ("realestate10k", "kitti", "tum", "viewcrafter"),
             ".npz": ("gen3c", "gen3c_multiview", "matrix_game", "mirage")}  # fmt: skip
_SUFFIX_OF = {name: suffix for suffix, names in _NOT_JSON.items() for name in names}
# What a file of the format is usually called; nothing for a folder of files.
FORMAT_SUFFIXES: dict[str, str] = {
    name: _SUFFIX_OF.get(name, ".json") if "" in format_.members else "" for name, format_ in FORMATS.items()
}

MAX_FILE_BYTES = 512 << 20
# What Python and NumPy raise for values of a wrong kind. Anything else is a defect of ours and keeps its traceback.
_MALFORMED = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    ArithmeticError,
)


@dataclass(frozen=True)
class ReadPath:
    """A path from a file, the format it was in, and what the file left open, a sentence each."""

    path: CameraPath
    format_name: str
    assumed: tuple[str, ...]


def read_path(file: Path | str, format: str | None = None, *, gaps: Gaps | None = None) -> CameraPath:
    """The camera path in a file, or in a folder for formats of several files; `format=None` guesses by content.

    Raises `CameraError` for a file that is missing, in no known format, or wrong.
    """
    return read_path_stating(file, format, gaps=gaps).path


def read_path_stating(file: Path | str, format: str | None = None, *, gaps: Gaps | None = None) -> ReadPath:
    """`read_path`, and what was assumed on the way. `gaps` are facts the file lacks. Raises `CameraError`."""
    file, gaps = Path(file), gaps or Gaps()
    chosen = format_named(format) if format is not None else _guess(file)
    path = decode(_documents(file, chosen), chosen, gaps)
    return ReadPath(path, chosen.name, tuple(gaps.notes))


def write_path(path: CameraPath, file: Path | str, *, format: str) -> Lost:
    """Write a path, each file atomically, and say what the format could not hold.

    `file` is a folder, made where there is none, for formats of several files. Raises `CameraError`.
    """
    file, chosen = Path(file), format_named(format)
    if max(float(np.abs(camera.position_world).max()) for camera in path) > FAR_M:
        raise CameraError("the path goes farther than a million kilometres: no format keeps that to a millimetre")
    documents = chosen.write(path)
    lost = lost_in(path, documents, chosen)
    try:
        if "" not in documents:
            file.mkdir(parents=True, exist_ok=True)
        for name, data in documents.items():
            write_atomically(file / name if name else file, data)
    except OSError as error:
        raise CameraError(f"cannot write the camera path {file}: {error}") from error
    return lost


def format_named(name: str) -> Format:
    """The format of that name. Raises `CameraError`."""
    if name not in FORMATS:
        raise CameraError(f"there is no camera-path format {name!r}, there are {', '.join(FORMAT_NAMES)}")
    return FORMATS[name]


def decode(documents: Documents, format_: Format, gaps: Gaps) -> CameraPath:
    """The path in these bytes. Raises `CameraError`, in one sentence, for whatever is wrong with them."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as infinity, without a warning
            return format_.read(documents, gaps)
    except CameraError as error:
        raise CameraError(f"not a usable {format_.about}: {_line(error)}") from error
    except _MALFORMED as error:
        detail = f"it has no {_line(error)}" if isinstance(error, KeyError) else _line(error)
        raise CameraError(f"not a usable {format_.about}: {detail}") from error


def _line(error: Exception) -> str:
    """An error's text on one line of bounded length."""
    return " ".join(str(error).split())[:200]


def _guess(file: Path) -> Format:
    if not file.exists():
        raise CameraError(f"cannot read the camera path {file}: there is no such file")
    for format_ in FORMATS.values():
        if ("" in format_.members) == file.is_file() or file.name in format_.members:
            try:
                if format_.matches(_documents(file, format_)):
                    return format_
            except (CameraError, *_MALFORMED):
                continue
    raise CameraError(f"{file} is in no camera-path format known here: {', '.join(FORMAT_NAMES)}")


def _documents(file: Path, format_: Format) -> Documents:
    """The bytes of a format's files; `file` may be its folder, one of its files, or COLMAP's folder above."""
    if "" in format_.members:
        return {"": _bytes(file)}
    folder = file if file.is_dir() else file.parent
    if not (folder / format_.members[0]).exists() and (folder / "sparse" / "0").is_dir():
        folder = folder / "sparse" / "0"
    return {name: _bytes(folder / name) for name in format_.members}


def _bytes(file: Path) -> bytes:
    try:
        data = bytes_of_file(file, at_most=MAX_FILE_BYTES)
    except OSError as error:
        raise CameraError(f"cannot read the camera path {file}: {error.strerror or error}") from error
    if data is None:
        raise CameraError(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB: no camera path is")
    return data
