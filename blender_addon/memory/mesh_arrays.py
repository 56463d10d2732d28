"""Everything that a memory's mesh is made of, computed without Blender: for threads, where a capture must not hold the
window. `build` hands it to Blender, which takes milliseconds.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.memory import HIDDEN, Memory, Patches, memory_sha256
from mosaic_core.memory.quads import has_place, quads_of
from mosaic_core.memory.tone_matching import shown_patch_rgb

from .atlas import Atlas, atlas_of, atlas_uv

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, eq=False)
class MeshArrays:
    """A row a face in each, in the order of the placements; F faces."""

    memory: Memory
    tag: int  # what the faces are marked with
    corners_world: np.ndarray  # (F, 4, 3) float32
    columns: Mapping[str, np.ndarray]  # (F,) integers, by attribute
    corner_rgb: np.ndarray  # (4F, 3) uint8
    hidden: np.ndarray  # (F,) bool
    uv: np.ndarray  # (F, 4, 2) float32
    atlas: Atlas

    def __len__(self) -> int:
        return len(self.hidden)


def mesh_arrays(memory: Memory) -> MeshArrays:
    """Compute them. Raises `MosaicError` where an id is too large for Blender's 32-bit attributes."""
    patches, placements = memory.patches, memory.placements
    placements = placements.taken(has_place(patches)[placements.rows - 1])
    if len(placements) and placements.ids[-1] > _INT32_MAX:
        raise MosaicError(
            f"placement {placements.ids[-1]} does not fit into a mesh, ids end at 2^31: compact the memory"
        )
    index, tag = placements.rows - 1, tag_of(patches)
    return MeshArrays(
        memory=memory,
        tag=tag,
        corners_world=quads_of(placements, patches),
        columns={
            "row": placements.rows,
            "placement": placements.ids,
            "memory": np.full(len(placements), tag),
            "view": patches.view[index],
            "object_id": patches.object_id[index],
            "flags": placements.flags & ~HIDDEN,
        },
        corner_rgb=shown_patch_rgb(memory)[index].reshape(-1, 3),
        hidden=(placements.flags & HIDDEN) != 0,
        uv=atlas_uv(memory, placements),
        atlas=atlas_of(memory),
    )


def tag_of(patches: Patches) -> int:
    """A number that tells memories apart, and stays as views are added: the checksum of the first view's patches."""
    first = np.flatnonzero(patches.view == 0)
    crc = zlib.crc32(patches.column("quad_world", first).tobytes())
    crc = zlib.crc32(patches.rgb[first].tobytes(), crc)
    return (crc & _INT32_MAX) or 1


@dataclass(frozen=True, eq=False)
class Prepared:
    """A memory that is saved, and all that an object of it is made of."""

    arrays: MeshArrays
    sha256: str


def prepared(memory: Memory, file: Path | str) -> Prepared:
    """For a memory that is saved at `file`. Raises `MosaicError` as `mesh_arrays` does, and for a file not readable."""
    return Prepared(mesh_arrays(memory), memory_sha256(file))
