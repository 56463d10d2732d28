"""Regions of the world and the placements inside them: what "erase this corner" means.

A placement is in a region where its patch's centre is, after all edits so far; patches are small, and one that is cut
by the border belongs to one side or the other. Sky is a direction and in no region. A camera's frustum takes depth
limits, because an artist who points at a thing rarely means all that lies behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..errors import EditError
from . import edits
from .edits import Edit
from .memory import Memory
from .patches import Patches
from .placements import Placements
from .selection import in_image


@dataclass(frozen=True)
class Sphere:
    """A ball. Raises `EditError` for a radius that is not positive."""

    centre_m: tuple[float, float, float]  # world
    radius_m: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.centre_m).all() and 0 < self.radius_m < np.inf):
            raise EditError(f"a sphere needs a finite centre and a positive radius, got {self}")

    def holds(self, points_world: np.ndarray) -> np.ndarray:  # (n, 3) -> (n,) bool
        """Points inside or on the border."""
        return ((points_world - self.centre_m) ** 2).sum(axis=-1) <= self.radius_m**2


@dataclass(frozen=True, eq=False)
class BoxRegion:
    """A box between two corners, in its own frame. Raises `EditError` where `low` is not below `high`."""

    low_m: tuple[float, float, float]
    high_m: tuple[float, float, float]
    world_from_box: np.ndarray | None = None  # (4, 4) invertible; None = along the world's axes

    def __post_init__(self) -> None:
        if not all(low < high for low, high in zip(self.low_m, self.high_m, strict=True)):
            raise EditError(f"a box's low corner must lie below its high corner, got {self.low_m} and {self.high_m}")
        matrix = self.world_from_box
        if matrix is not None and not (
            np.shape(matrix) == (4, 4) and np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-12
        ):
            raise EditError("a box's frame must be a finite 4x4 matrix that can be inverted")

    def holds(self, points_world: np.ndarray) -> np.ndarray:  # (n, 3) -> (n,) bool
        """Points inside or on the border."""
        points = points_world
        if self.world_from_box is not None:
            inverse = np.linalg.inv(self.world_from_box)
            points = points @ inverse[:3, :3].T + inverse[:3, 3]
        return ((points >= self.low_m) & (points <= self.high_m)).all(axis=-1)


@dataclass(frozen=True)
class Frustum:
    """What a camera has in its image, between two depths. Raises `EditError` for depths that leave no room."""

    camera: Camera
    near_m: float = 0.0  # along the camera's axis
    far_m: float = np.inf

    def __post_init__(self) -> None:
        if not 0 <= self.near_m < self.far_m:
            raise EditError(f"a frustum needs 0 <= near < far, got {self.near_m} and {self.far_m}")

    def holds(self, points_world: np.ndarray) -> np.ndarray:  # (n, 3) -> (n,) bool
        """Points in the image and between the depths."""
        z_depth = self.camera.project(points_world)[1]
        return in_image(self.camera, points_world) & (z_depth >= self.near_m) & (z_depth <= self.far_m)


Region = Sphere | BoxRegion | Frustum


def ids_in_region(placements: Placements, patches: Patches, region: Region) -> np.ndarray:  # (n,) int64
    """Placements whose centre, where it is now, lies in the region; hidden ones included, sky never."""
    inside = region.holds(centres_world(placements, patches))
    return placements.ids[inside & ~patches.sky[placements.rows - 1]]


def erase(memory: Memory, region: Region, *, author: str = "") -> Edit:
    """The edit that deletes what stands in a region. Raises `EditError` where nothing does."""
    ids = ids_in_region(memory.placements, memory.patches, region)
    if len(ids) == 0:
        raise EditError("nothing stands in that region")
    return edits.delete(ids, author=author)


def centres_world(placements: Placements, patches: Patches) -> np.ndarray:  # (N, 3) float64
    """Where each placement's patch is centred now; meaningless for sky."""
    centres = patches.centre_world[placements.rows - 1].astype(np.float64)
    matrices = placements.edited_from_captured()
    return np.einsum("nij,nj->ni", matrices[:, :3, :3], centres) + matrices[:, :3, 3]
