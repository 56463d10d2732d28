"""Scenes made of arithmetic: exact pictures, depth and ids of boxes, for benchmarks and tests."""

from .boxes import Box, camera_looking_at, ray_cast_view

__all__ = ["Box", "camera_looking_at", "ray_cast_view"]
