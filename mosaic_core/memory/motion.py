"""`Motion`: where a thing really is over time, told by whoever knows: a renderer, a tracker.

A thing that is captured at four moments was somewhere in between, and a renderer knows where to the last bit. A motion
is kept with the memory by object id and never edited; what artists do to a thing's patches acts on top of it
(`mosaic_core.memory.movers`). Where nobody tells, the way is read off the captured moments instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cameras.rotations import cleaned, rotations_of_vectors, turns_between
from ..errors import MosaicError

MAX_SAMPLES = 100_000
# A matrix this close to a rotation is one.
_RIGID = 1e-4


@dataclass(frozen=True, eq=False)
class Motion:
    """Rigid poses at rising times. Raises `MosaicError` for anything else."""

    times_s: np.ndarray  # (M,) float64, clip time as `View.time_s`
    world_from_object: np.ndarray  # (M, 4, 4) float64, rotation and position, metres

    def __post_init__(self) -> None:
        times, placed = (np.array(a, np.float64) for a in (self.times_s, self.world_from_object))
        if times.ndim != 1 or not 1 <= len(times) <= MAX_SAMPLES or placed.shape != (len(times), 4, 4):
            raise MosaicError(
                f"a motion has 1 .. {MAX_SAMPLES} times and a pose each, got {times.shape}, {placed.shape}"
            )
        if not (np.isfinite(times).all() and np.isfinite(placed).all()) or (np.diff(times) <= 0).any():
            raise MosaicError("a motion's times must rise, and its numbers be finite")
        turns = placed[:, :3, :3]
        if np.abs(turns @ np.swapaxes(turns, 1, 2) - np.eye(3)).max() > _RIGID or (np.linalg.det(turns) < 0).any():
            raise MosaicError("a motion's poses must be rotations and positions, got a scale, a shear or a mirror")
        if not np.array_equal(placed[:, 3], np.broadcast_to([0.0, 0.0, 0.0, 1.0], (len(times), 4))):
            raise MosaicError("the last row of a pose must be 0 0 0 1")
        for name, array in (("times_s", times), ("world_from_object", placed)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def world_from_object_at(self, time_s: float) -> np.ndarray:  # (4, 4)
        """The pose at a time: between two samples straight and turning evenly, outside them the first or the last."""
        i = int(np.clip(np.searchsorted(self.times_s, time_s, "right") - 1, 0, len(self.times_s) - 1))
        first = self.world_from_object[i]
        if i + 1 == len(self.times_s) or time_s <= self.times_s[i]:
            return first
        second = self.world_from_object[i + 1]
        share = (time_s - self.times_s[i]) / (self.times_s[i + 1] - self.times_s[i])
        between = first + share * (second - first)
        turn = share * turns_between(first[:3, :3], second[:3, :3])
        between[:3, :3] = cleaned(first[:3, :3] @ rotations_of_vectors(turn))
        return between

    def between(self, from_s: float, to_s: float) -> np.ndarray:  # (4, 4) rigid, world to world
        """What carries the thing from where it is at one time to where it is at another."""
        return self.world_from_object_at(to_s) @ np.linalg.inv(self.world_from_object_at(from_s))

    def moved(self, matrix: np.ndarray) -> Motion:  # (4, 4) rigid
        """The same motion in a world that has moved along."""
        return Motion(self.times_s, np.asarray(matrix, np.float64) @ self.world_from_object)

    def same_as(self, other: Motion) -> bool:
        """Bit for bit."""
        pairs = ((self.times_s, other.times_s), (self.world_from_object, other.world_from_object))
        return all(np.array_equal(ours, theirs) for ours, theirs in pairs)

    def to_json(self) -> dict[str, Any]:
        """Times, and the three upper rows of each pose as twelve numbers."""
        return {
            "times_s": self.times_s.tolist(),
            "world_from_object": self.world_from_object[:, :3].reshape(-1, 12).tolist(),
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Motion:
        """What `to_json` gave, bit for bit. Raises `MosaicError`, `KeyError`, `TypeError`, `ValueError`."""
        times = np.array(entry["times_s"], np.float64)
        upper = np.array(entry["world_from_object"], np.float64).reshape(-1, 3, 4)
        last = np.broadcast_to([[[0.0, 0.0, 0.0, 1.0]]], (len(upper), 1, 4))
        return cls(times, np.concatenate([upper, last], axis=1))
