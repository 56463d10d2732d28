"""The search for patches where the processor does it: compiled where numba is installed, by NumPy elsewhere.

Both find the same to the bit (`mosaic_core.memory.patch_search_numba`). Numba is optional, and never imported before a
reader asks for it: Blender's own Python does not have it, and environments that were built without it go on working.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Protocol

import numpy as np

from ..cameras import Camera
from .arrays import NUMPY, Array
from .patch_search import PatchSearch
from .placed_patches import PlacedPatches


class HostSearch(Protocol):
    """What both searches do."""

    def nearest(self, camera: Camera, pixels: np.ndarray | None = None) -> Array:
        """See `PatchSearch.nearest`."""
        ...


def host_search(placed: PlacedPatches) -> HostSearch:
    """The quickest search there is here."""
    compiled = compiled_search()
    return PatchSearch(placed, NUMPY) if compiled is None else compiled(placed)


@cache
def compiled_search() -> type | None:
    """`CompiledPatchSearch`; None where numba is absent or does not work, whatever the reason: it only saves time."""
    try:
        from .patch_search_numba import CompiledPatchSearch
    except Exception:  # absent, too old or new for this NumPy, without its libraries, ...
        return None
    return CompiledPatchSearch


def nearest_of_all(search: HostSearch, cameras: Sequence[Camera], threads: int) -> list[np.ndarray]:
    """What the cells of each camera see, T times (h * w,) int64, in so many threads, the caller's among them.

    Every n-th cell each, a fair share of any picture. No cell depends on another, so nor does an answer on `threads`.
    """
    keys = [np.zeros(camera.image_height * camera.image_width, np.int64) for camera in cameras]

    def settle(first: int) -> None:
        for camera, found in zip(cameras, keys, strict=True):
            share = np.arange(first, len(found), threads)
            if len(share):
                found[share] = search.nearest(camera, share)

    with ThreadPoolExecutor(max(threads - 1, 1)) as pool:
        others = pool.map(settle, range(1, threads))
        settle(0)
        list(others)  # asking for the results raises what went wrong
    return keys
