"""Files of training data: `.npz` archives of plain arrays, and one sentence for whatever is wrong with one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import MosaicError


@contextmanager
def arrays_in(file: Path, otherwise: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays, each read when it is asked for. Raises `MosaicError` ("{file} {otherwise}: ...") for a bad file."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except (OSError, EOFError, BadZipFile, zlib.error, KeyError, TypeError, ValueError) as error:
        raise MosaicError(f"{file} {otherwise}: {error}") from error
