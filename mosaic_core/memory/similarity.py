"""Similarities between two sets of quads: the rotation, uniform scale and translation that carries one to the other.

A moved quad alone tells its motion only as precisely as single precision and its own small size allow: a rotation
measured on five centimetres is off by a millimetre ten metres away. Artists move objects, so quads that moved
together are found first and fitted over all their corners at once. They then share one transform, the object stays
rigid, and a table of a million placements holds a handful of distinct transforms.

The simplest explanation within the tolerance wins: nothing moved, a translation, a rigid motion, a similarity, a
mirrored one. A fit depends on nothing but the quads it was made from, so what an artist does elsewhere leaves its bits
alone.
"""

from __future__ import annotations

import numpy as np

# Blender computes and stores vertices in single precision; a few operations in a row add up to this many units.
NOISE_ULPS = 16
# Quads that agree with one transform to this fraction of their common extent moved together ...
AGREEMENT = 1e-5
# ... but a hundredth of a patch is the most that anybody may be off, however large the scene.
AGREEMENT_OF_QUAD = 1e-2
# Seeds tried in vain before the rest is fitted quad by quad, and groups found at most: an artist's hand makes a few, a
# noise texture any number.
MAX_FAILURES = 8
MAX_GROUPS = 256
# Coarse steps that sort single-quad fits into bins: matrix entries, logarithm of the scale, share of the extent.
_BIN_LINEAR, _BIN_SCALE, _BIN_OFFSET = 0.05, 0.05, 0.01


def noise_of(*points: np.ndarray) -> float:
    """How far single precision may have put these points from where they belong, metres."""
    largest = max((_largest(p) for p in points), default=0.0)
    return NOISE_ULPS * float(np.finfo(np.float32).eps) * largest


def _largest(values: np.ndarray) -> float:
    """The largest absolute value, without making them all absolute."""
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))


def apply_to_quads(
    matrices: np.ndarray,  # (4, 4) or (n, 4, 4)
    quads: np.ndarray,  # (n, 4, 3)
) -> np.ndarray:  # (n, 4, 3) float64
    """Carry quads along, term by term: a quad gets the same bits alone and among a million others."""
    x, y, z = (quads[..., i].astype(np.float64) for i in range(3))
    m = np.asarray(matrices, np.float64)
    m = m[:, None] if m.ndim == 3 else m
    return np.stack(
        [m[..., i, 0] * x + m[..., i, 1] * y + m[..., i, 2] * z + m[..., i, 3] for i in range(3)],
        axis=-1,
    )


def by_coordinate(
    quads: np.ndarray,  # (n, 4, 3)
) -> np.ndarray:  # (n, 4, 3) float64
    """The same quads, laid out a plane a coordinate: what this module does with many of them is quickest so."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(quads, 0, -1), np.float64), -1, 0)


def sizes_of(
    quads: np.ndarray,  # (n, 4, 3)
) -> np.ndarray:  # (n,) metres
    """Half the longest diagonal of each quad, roughly: the farthest corner from the middle."""
    # A plane a coordinate: NumPy is slow at reducing over axes as short as these, and at striding.
    planes = np.ascontiguousarray(np.moveaxis(quads, 0, -1)).astype(np.float64, copy=False)
    squared = np.zeros(len(quads))
    middle = (planes[0] + planes[1] + planes[2] + planes[3]) / 4
    for corner in planes:
        x, y, z = corner - middle
        np.maximum(squared, x * x + y * y + z * z, out=squared)
    return np.sqrt(squared)


def nearest_similarity(
    matrix: np.ndarray,  # (4, 4) affine
) -> tuple[np.ndarray, float]:  # (4, 4), how far it was from one (0 = was one)
    """The similarity nearest to an affine matrix, and the largest relative change of a linear entry.

    A matrix that flattens space comes back with the scale of what is left of it; test the second value first.
    """
    linear = np.asarray(matrix, np.float64)[:3, :3]
    left, stretch, right = np.linalg.svd(linear)
    scale = float(stretch.mean())
    nearest = np.eye(4)
    nearest[:3, :3] = scale * (left @ right)
    nearest[:3, 3] = np.asarray(matrix)[:3, 3]
    off = float(np.abs(nearest[:3, :3] - linear).max()) / scale if scale > 0 else np.inf
    if off < 1e-12:
        nearest[:3, :3] = linear  # a plain move stays a plain move, to the last bit
    return nearest, off


def fit_similarity(
    source: np.ndarray,  # (n, 4, 3) float64
    target: np.ndarray,  # (n, 4, 3)
    *,
    mirrored: bool = False,
) -> np.ndarray:  # (4, 4)
    """The least-squares similarity over all corners together (Umeyama 1991), proper or mirrored."""
    source, target = source.reshape(-1, 3), target.reshape(-1, 3)
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - from_mean, target - to_mean
    left, spread, right = np.linalg.svd(b.T @ a)
    signs = np.ones(3)
    if (np.linalg.det(left) * np.linalg.det(right) < 0) != mirrored:
        signs[2] = -1
    scale = (spread * signs).sum() / max(float((a * a).sum()), 1e-300)
    return _assembled(scale * ((left * signs) @ right), from_mean, to_mean)


def fit_each(
    source: np.ndarray,  # (n, 4, 3) float64
    target: np.ndarray,  # (n, 4, 3)
) -> np.ndarray:  # (n, 4, 4)
    """The least-squares proper similarity of every quad by itself; a plain translation where that is enough."""
    if len(source) == 0:
        return np.zeros((0, 4, 4))
    from_mean, to_mean = source.mean(axis=1), target.mean(axis=1)
    a, b = source - from_mean[:, None], target - to_mean[:, None]
    left, spread, right = np.linalg.svd(np.einsum("nci,ncj->nij", b, a))
    signs = np.ones((len(source), 3))
    signs[np.linalg.det(left) * np.linalg.det(right) < 0, 2] = -1
    scale = (spread * signs).sum(axis=1) / np.maximum((a * a).sum(axis=(1, 2)), 1e-300)
    linear = scale[:, None, None] * ((left * signs[:, None]) @ right)
    linear[np.abs(b - a).max(axis=(1, 2)) <= noise_of(source, target)] = np.eye(3)
    fitted = np.zeros((len(source), 4, 4))
    fitted[:, 3, 3] = 1
    fitted[:, :3, :3] = linear
    fitted[:, :3, 3] = to_mean - np.einsum("nij,nj->ni", linear, from_mean)
    return fitted


def shared_similarities(
    source: np.ndarray,  # (n, 4, 3) float64
    target: np.ndarray,  # (n, 4, 3)
) -> tuple[np.ndarray, np.ndarray]:  # (n,) index, (K, 4, 4)
    """Which quads moved together, and the one similarity each such group moved by."""
    if len(source) == 0:
        return np.zeros(0, np.int32), np.zeros((0, 4, 4))
    together = _explain(source, target)
    if together is not None:
        return np.zeros(len(source), np.int32), together[None]
    index = np.full(len(source), -1, np.int32)
    table: list[np.ndarray] = []
    failures = 0
    for members in _bins(source, target):
        while len(members := members[index[members] < 0]) > 1 and failures < MAX_FAILURES and len(table) < MAX_GROUPS:
            left = np.flatnonzero(index < 0)
            found, matrix, seed = _grow(source[left], target[left], np.searchsorted(left, members))
            if len(found) > 1:
                index[left[found]] = len(table)
                table.append(matrix)
            else:
                failures += 1
            members = members[members != left[seed]]
    alone = np.flatnonzero(index < 0)
    index[alone] = len(table) + np.arange(len(alone))
    singles = fit_each(source[alone], target[alone])
    return index, np.concatenate([np.array(table).reshape(-1, 4, 4), singles])


def errors_of(
    matrices: np.ndarray,  # (4, 4) or (n, 4, 4)
    source: np.ndarray,  # (n, 4, 3)
    target: np.ndarray,  # (n, 4, 3)
) -> np.ndarray:  # (n,) metres
    """How far the farthest corner of each quad is from where its transform would put it (largest coordinate)."""
    # Coordinate by coordinate, which rounds as `apply_to_quads` does and never stacks anything.
    m = np.asarray(matrices, np.float64)
    worst = np.zeros(len(target))
    for corner in range(4):
        x, y, z = np.ascontiguousarray(source[:, corner].T, np.float64)
        for i, wanted in enumerate(np.ascontiguousarray(target[:, corner].T)):
            off = m[..., i, 0] * x + m[..., i, 1] * y + m[..., i, 2] * z + m[..., i, 3] - wanted
            np.maximum(worst, np.abs(off, out=off), out=worst)
    return worst


def _assembled(linear: np.ndarray, from_mean: np.ndarray, to_mean: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = to_mean - linear @ from_mean
    return matrix


def _tolerance(target: np.ndarray, noise: float) -> float:
    planes = np.moveaxis(target, 0, -1)  # (4, 3, n)
    extent = float((planes.max(axis=-1).max(axis=0) - planes.min(axis=-1).min(axis=0)).max())
    return max(noise, min(AGREEMENT * extent, AGREEMENT_OF_QUAD * float(np.median(sizes_of(target)))))


def _explain(source: np.ndarray, target: np.ndarray) -> np.ndarray | None:  # (4, 4)
    """The simplest transform that carries all these quads along, None where no single one does."""
    noise = noise_of(source, target)
    offset = np.moveaxis(target - source, 0, -1)  # (4, 3, n)
    if _largest(offset) <= noise:
        return np.eye(4)
    matrix = np.eye(4)
    # No more digits than the noise leaves: what an artist typed comes back as typed, not as a mean of rounded numbers.
    digits = int(np.ceil(-np.log10(max(noise, 1e-300)))) + 1
    matrix[:3, 3] = np.round(offset.mean(axis=-1).mean(axis=0), digits)
    off = _largest(offset - matrix[:3, 3:])
    # Noise is tolerated in any case, and the most that is takes a while to find out.
    if off <= noise or off <= (tolerance := _tolerance(target, noise)):
        return matrix
    for mirrored in (False, True):
        matrix = fit_similarity(source, target, mirrored=mirrored)
        rigid = _without_scale(matrix, source, target)
        for candidate in (rigid, matrix):
            if errors_of(candidate, source, target).max() <= tolerance:
                return candidate
    return None


def _without_scale(matrix: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    scale = np.cbrt(abs(np.linalg.det(matrix[:3, :3])))
    linear = matrix[:3, :3] / max(scale, 1e-300)
    return _assembled(linear, source.reshape(-1, 3).mean(axis=0), target.reshape(-1, 3).mean(axis=0))


def _grow(
    source: np.ndarray,  # (n, 4, 3), quads without a group yet
    target: np.ndarray,  # (n, 4, 3)
    members: np.ndarray,  # (m,) quads that seem to have moved alike
) -> tuple[np.ndarray, np.ndarray, int]:  # (g,) the group, (4, 4), the quad it grew from
    """Start from the largest quad, whose own fit is the most precise, and take in all that agree with it."""
    noise = noise_of(source, target)
    size = sizes_of(source)
    seed = int(members[np.argmax(size[members])])
    own = fit_each(source[seed : seed + 1], target[seed : seed + 1])[0]
    distance = np.linalg.norm(source.mean(axis=1) - source[seed].mean(axis=0), axis=1)
    # A quad's own fit swings like a lever: its error grows with the distance, in units of the quad's size.
    loose = 2 * noise * (1 + distance / max(size[seed], 1e-12))
    best = np.array([seed])
    # Corners in one plane cannot tell a mirrored motion from a turned one; the neighbours can.
    for hypothesis in (own, own @ _mirror_of(source[seed])):
        close = np.flatnonzero(errors_of(hypothesis, source, target) <= loose)
        if len(close) > len(best):
            best = close
    for _ in range(3):
        matrix = _explain(source[best], target[best])
        if matrix is None:
            fits = [fit_similarity(source[best], target[best], mirrored=m) for m in (False, True)]
            matrix = min(fits, key=lambda fit: errors_of(fit, source[best], target[best]).sum())
        tolerance = _tolerance(target[best], noise)
        agreeing = np.flatnonzero(errors_of(matrix, source, target) <= tolerance)
        if np.array_equal(agreeing, best) or len(agreeing) == 0:
            break
        best = agreeing
    matrix = _explain(source[best], target[best])
    return (best[:0], own, seed) if matrix is None else (best, matrix, seed)


def _mirror_of(quad: np.ndarray) -> np.ndarray:  # (4, 4) mirrors space in the quad's own plane
    normal = np.cross(quad[2] - quad[0], quad[3] - quad[1])
    normal /= max(float(np.linalg.norm(normal)), 1e-300)
    middle = quad.mean(axis=0)
    return _assembled(np.eye(3) - 2 * np.outer(normal, normal), middle, middle)


def _bins(source: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
    """Quads whose own fits are roughly alike, the largest bin first."""
    frames_from, frames_to = _frames(source), _frames(target)
    linear = frames_to @ frames_from.transpose(0, 2, 1)
    scale = sizes_of(target) / np.maximum(sizes_of(source), 1e-300)
    reference = source.reshape(-1, 3).mean(axis=0)
    lever = reference - source.mean(axis=1)
    offset = target.mean(axis=1) + np.einsum("nij,nj->ni", linear * scale[:, None, None], lever)
    extent = max(float(np.ptp(target.reshape(-1, 3), axis=0).max()), 1e-12)
    keys = np.concatenate(
        [
            linear.reshape(-1, 9) / _BIN_LINEAR,
            np.log(np.maximum(scale, 1e-12))[:, None] / _BIN_SCALE,
            (offset - reference) / (_BIN_OFFSET * extent),
        ],
        axis=1,
    )
    # One number a key: sorting those is ten times faster than sorting rows, and a collision only costs a try.
    weights = np.random.default_rng(0).integers(1, 1 << 40, keys.shape[1]) | 1
    codes = (np.round(keys).astype(np.int64) * weights).sum(axis=1)
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    groups = np.split(order, np.cumsum(counts)[:-1])
    return sorted((g for g in groups if len(g) > 1), key=len, reverse=True)


def _frames(quads: np.ndarray) -> np.ndarray:  # (n, 3, 3) orthonormal columns along the image's right, down, forward
    right = quads[:, 1] + quads[:, 2] - quads[:, 0] - quads[:, 3]
    down = quads[:, 2] + quads[:, 3] - quads[:, 0] - quads[:, 1]
    forward = _unit(np.cross(right, down))
    right = _unit(right)
    return np.stack([right, np.cross(forward, right), forward], axis=-1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)
