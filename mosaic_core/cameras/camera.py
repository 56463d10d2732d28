"""`Camera`: a pinhole camera, and the projections every other module uses.

Projection is written out term by term instead of as a matrix product. NumPy's elementwise arithmetic rounds each
operation by itself, whatever the array's length; BLAS does not. A point therefore lands on the same bits whether it
is projected alone or among a million others, which is what lets an edit leave every untouched pixel bit-identical.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..errors import CameraError

# Refuses sizes whose products overflow memory long before they overflow an int: 16k frames are 768 MB of float32.
MAX_IMAGE_SIDE_PX = 16384


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera in the world (`mosaic_core.conventions`: OpenCV axes, pixel centres at +0.5).

    Raises `CameraError` for non-finite or singular matrices and for sizes outside 1 .. 16384.
    """

    intrinsics_px: np.ndarray  # (3, 3) float64: fx 0 cx, 0 fy cy, 0 0 1, in pixels
    world_from_cam: np.ndarray  # (4, 4) float64: rotation and position, no scale
    image_height: int
    image_width: int

    def __post_init__(self) -> None:
        for name, shape in (("intrinsics_px", (3, 3)), ("world_from_cam", (4, 4))):
            matrix = np.array(getattr(self, name), dtype=np.float64)
            if matrix.shape != shape:
                raise CameraError(f"{name} must have shape {shape}, got {matrix.shape}")
            if not np.isfinite(matrix).all():
                raise CameraError(f"{name} must be finite, got NaN or infinity")
            matrix.flags.writeable = False
            object.__setattr__(self, name, matrix)
        for name in ("image_height", "image_width"):
            side = getattr(self, name)
            if int(side) != side or not 1 <= side <= MAX_IMAGE_SIDE_PX:
                raise CameraError(f"{name} must be 1 .. {MAX_IMAGE_SIDE_PX} pixels, got {side}")
            object.__setattr__(self, name, int(side))
        if self.intrinsics_px[0, 0] <= 0 or self.intrinsics_px[1, 1] <= 0:
            raise CameraError(
                f"focal lengths must be positive, got fx={self.intrinsics_px[0, 0]:g} fy={self.intrinsics_px[1, 1]:g}"
            )
        rotation = self.world_from_cam[:3, :3]
        with np.errstate(over="ignore", invalid="ignore"):  # a matrix of huge numbers is refused, without a remark
            is_rotation = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
        if not is_rotation:
            raise CameraError("world_from_cam must be a rotation and a position, got a scale or a shear")
        if np.linalg.det(rotation) < 0:
            raise CameraError("world_from_cam must be right-handed, got a mirrored rotation")

    @classmethod
    def from_fov(
        cls,
        world_from_cam: np.ndarray,  # (4, 4)
        *,
        fov_deg: float,  # horizontal, edge to edge
        image_height: int,
        image_width: int,
    ) -> Camera:
        """A camera with square pixels and a centred principal point. Raises `CameraError`."""
        if not 0 < fov_deg < 180:
            raise CameraError(f"fov_deg must lie between 0 and 180, got {fov_deg}")
        focal_px = image_width / 2 / math.tan(math.radians(fov_deg) / 2)
        intrinsics = [[focal_px, 0, image_width / 2], [0, focal_px, image_height / 2], [0, 0, 1]]
        return cls(np.array(intrinsics), world_from_cam, image_height, image_width)

    @property
    def cam_from_world(self) -> np.ndarray:  # (4, 4)
        """The inverse of `world_from_cam`, exact for a rotation and a position."""
        rotation, position = self.world_from_cam[:3, :3], self.world_from_cam[:3, 3]
        matrix = np.eye(4)
        matrix[:3, :3] = rotation.T
        matrix[:3, 3] = -rotation.T @ position
        return matrix

    @property
    def position_world(self) -> np.ndarray:  # (3,)
        """The centre of projection, metres."""
        return self.world_from_cam[:3, 3]

    @property
    def forward_world(self) -> np.ndarray:  # (3,)
        """The unit direction the camera looks in."""
        return self.world_from_cam[:3, 2]

    @property
    def focal_px(self) -> float:
        """One focal length for sizes of footprints: the geometric mean of fx and fy."""
        return math.sqrt(self.intrinsics_px[0, 0] * self.intrinsics_px[1, 1])

    def scaled_to(self, *, image_height: int, image_width: int) -> Camera:
        """The same camera with another number of pixels over the same field of view."""
        scale = np.array([image_width / self.image_width, image_height / self.image_height, 1.0])
        return replace(
            self,
            intrinsics_px=self.intrinsics_px * scale[:, None],
            image_height=image_height,
            image_width=image_width,
        )

    def project(
        self,
        points_world: np.ndarray,  # (..., 3)
    ) -> tuple[np.ndarray, np.ndarray]:  # (..., 2) uv in pixels, (...) z_depth
        """Where points appear. Points on or behind the camera plane give uv = nan and keep their z_depth."""
        points_cam = transform_points(self.cam_from_world, points_world)
        z_depth = points_cam[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse_depth = np.where(z_depth > 0, 1 / z_depth, np.nan).astype(z_depth.dtype)
        k = self.intrinsics_px.astype(points_cam.dtype)
        u = (k[0, 0] * points_cam[..., 0] + k[0, 1] * points_cam[..., 1]) * inverse_depth + k[0, 2]
        v = k[1, 1] * points_cam[..., 1] * inverse_depth + k[1, 2]
        return np.stack([u, v], axis=-1), z_depth

    def rays_world(
        self,
        uv: np.ndarray,  # (..., 2) pixels
    ) -> np.ndarray:  # (..., 3)
        """Directions through pixels, with a camera-z of 1: `position_world + z_depth * ray` is the surface point."""
        uv = np.asarray(uv)
        k = self.intrinsics_px.astype(uv.dtype if uv.dtype.kind == "f" else np.float64)
        y = (uv[..., 1] - k[1, 2]) / k[1, 1]
        x = (uv[..., 0] - k[0, 2] - k[0, 1] * y) / k[0, 0]
        rotation = self.world_from_cam[:3, :3].astype(x.dtype)
        return np.stack([rotation[i, 0] * x + rotation[i, 1] * y + rotation[i, 2] for i in range(3)], axis=-1)

    def unproject(
        self,
        uv: np.ndarray,  # (..., 2) pixels
        z_depth: np.ndarray,  # (...)
    ) -> np.ndarray:  # (..., 3)
        """The world points at these pixels and depths; infinite depth gives infinite points."""
        position = self.position_world.astype(np.asarray(z_depth).dtype)
        return position + self.rays_world(uv) * np.asarray(z_depth)[..., None]

    def pixel_centres(self, dtype: type = np.float64) -> np.ndarray:  # (H, W, 2)
        """uv of every pixel's centre; `pixel_centres()[0, 0] == (0.5, 0.5)`."""
        u = np.arange(self.image_width, dtype=dtype) + dtype(0.5)
        v = np.arange(self.image_height, dtype=dtype) + dtype(0.5)
        return np.stack(np.meshgrid(u, v), axis=-1)


def transform_points(
    matrix: np.ndarray,  # (4, 4)
    points: np.ndarray,  # (..., 3)
) -> np.ndarray:  # (..., 3), in the points' dtype
    """Apply a rigid, similarity or affine transform to points, term by term (see the module docstring)."""
    points = np.asarray(points)
    m = np.asarray(matrix, dtype=points.dtype if points.dtype.kind == "f" else np.float64)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + m[i, 3] for i in range(3)], axis=-1)


def project_rows(
    points_world: np.ndarray,  # (3, n) float32
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """u, v (pixels) and z_depth of points held a coordinate a row; nonsense behind the camera, where z tells.

    Term by term, as `Camera.project` and for its reason, without its (..., 3) layout: three times faster on millions.
    Points may be tensors of torch as well: all numbers are Python's, and float32 already.
    """
    m = camera.cam_from_world.astype(np.float32).tolist()
    k = camera.intrinsics_px.astype(np.float32).tolist()
    px, py, pz = points_world
    z = m[2][0] * px + m[2][1] * py + m[2][2] * pz + m[2][3]
    x = m[0][0] * px + m[0][1] * py + m[0][2] * pz + m[0][3]
    y = m[1][0] * px + m[1][1] * py + m[1][2] * pz + m[1][3]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inverse = 1 / z
        u = (k[0][0] * x + k[0][1] * y) * inverse + k[0][2]
        v = k[1][1] * y * inverse + k[1][2]
    return u, v, z


def look_at(
    position_world: np.ndarray,  # (3,)
    target_world: np.ndarray,  # (3,)
    *,
    up_world: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> np.ndarray:  # (4, 4) world_from_cam
    """A camera at `position_world` that looks at `target_world`, its image upright against `up_world`.

    Raises `CameraError` where the two points coincide. Straight up or down, the image's top points along +Y.
    """
    position = np.asarray(position_world, dtype=np.float64)
    forward = np.asarray(target_world, dtype=np.float64) - position
    length = np.linalg.norm(forward)
    if length < 1e-12:
        raise CameraError("look_at needs a target away from the camera's position")
    forward = forward / length
    right = np.cross(forward, np.asarray(up_world, dtype=np.float64))
    if np.linalg.norm(right) < 1e-9:
        right = np.cross(forward, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, 0] = right
    matrix[:3, 1] = np.cross(forward, right)
    matrix[:3, 2] = forward
    matrix[:3, 3] = position
    return matrix
