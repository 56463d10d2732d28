"""Memories in the formats of other tools: one small module each, all read and written through these functions."""

from .base import Known
from .cloud import PointCloud, patch_points, pixel_points
from .clouds import read_cloud, write_cloud
from .files import ABOUT_FORMATS, FORMAT_NAMES, Imported, as_shown, export_memory, import_memory

__all__ = [
    "ABOUT_FORMATS",
    "FORMAT_NAMES",
    "Imported",
    "Known",
    "PointCloud",
    "as_shown",
    "export_memory",
    "import_memory",
    "patch_points",
    "pixel_points",
    "read_cloud",
    "write_cloud",
]
