"""Reading a memory back from the mesh an artist edited: 100,000 quads of which a fifth was moved together.

The baseline fits every quad's own similarity, which is how a reader would begin that knows nothing of objects.
"""

from __future__ import annotations

import statistics

import numpy as np

from ..memory import Patches, Placements
from ..memory.quads import Faces, placements_from_faces, quads_of
from ..memory.similarity import fit_each
from .measure import Row, row, times_ms

COUNT = 100_000


def rows(*, repeats: int = 15) -> list[Row]:
    """A translation by hand, and for scale a mesh that nobody touched and one turned as a whole."""
    patches, base = strewn_patches(COUNT)
    built = quads_of(base, patches)
    fifth = built.copy()
    fifth[: COUNT // 5] += np.array([1, 2, 0], np.float32)
    turn, offset = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]]), np.array([1.0, 2.0, 3.0])
    turned = (built @ turn + offset).astype(np.float32)
    exact = (built.astype(np.float64), turned.astype(np.float64))
    baseline = statistics.median(times_ms(lambda: fit_each(*exact), 3))
    cases = (("placements", "a fifth moved", fifth), ("placements_same", "untouched", built))
    cases = (*cases, ("placements_all", "all turned", turned))
    measured = []
    for name, what, quads in cases:
        faces = _faces(quads, base)
        times = times_ms(lambda faces=faces: placements_from_faces(faces, patches=patches, base=base), repeats)
        measured.append(row(name, f"{COUNT} quads, {what}", times, baseline))
    return measured


def strewn_patches(count: int) -> tuple[Patches, Placements]:
    """Patches of 2 .. 10 cm strewn over ten metres."""
    rng = np.random.default_rng(3)
    square = np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]])
    turns = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0] * rng.uniform(0.01, 0.05, (count, 1, 1))
    quads = np.einsum("nij,cj->nci", turns, square) + rng.uniform(-5, 5, (count, 1, 3))
    zeros = np.zeros(count)
    patches = Patches(
        view=zeros,
        cell_yx=np.zeros((count, 2)),
        object_id=zeros,
        pixel_count=zeros + 256,
        sky=zeros > 0,
        dynamic=zeros > 0,
        quad_world=quads,
        centre_world=quads.mean(axis=1),
        rgb=np.zeros((count, 4, 3)),
    )
    return patches, Placements.of_rows(np.arange(1, count + 1))


def _faces(quads: np.ndarray, base: Placements) -> Faces:
    count = len(quads)
    return Faces(
        corners_mesh=quads,
        vertices=np.arange(4 * count).reshape(-1, 4),
        is_quad=np.ones(count, bool),
        own=np.ones(count, bool),
        rows=base.rows,
        ids=base.ids,
        flags=base.flags,
    )
