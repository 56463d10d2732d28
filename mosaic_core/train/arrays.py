"""Files of training data: `.npz` archives of plain arrays, made on all cores, and one sentence for a bad one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np
import torch

from ..errors import MosaicError

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@contextmanager
def arrays_in(file: Path, otherwise: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays, each read when it is asked for. Raises `MosaicError` ("{file} {otherwise}: ...") for a bad file."""
    try:
        # Opened here: NumPy leaves a damaged archive open.
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            yield arrays
    except (OSError, EOFError, BadZipFile, zlib.error, KeyError, TypeError, ValueError) as error:
        raise MosaicError(f"{file} {otherwise}: {error}") from error


def do_all(work: Callable[[_Job], _Result], jobs: Iterable[_Job], *, processes: int) -> list[_Result]:
    """Each job once; the results in order. One process is this one; of several, each has one thread: small operations
    gain from no more.
    """
    if processes == 1:
        return [work(job) for job in jobs]
    settings = {"mp_context": get_context("spawn"), "initializer": torch.set_num_threads, "initargs": (1,)}
    with ProcessPoolExecutor(processes, **settings) as pool:
        return list(pool.map(work, jobs))
