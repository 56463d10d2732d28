"""Camera paths in the formats of other tools: one small module each, all read and written through these functions.

Each module's docstring says which axes, units and directions its format has. Everything is turned into the
conventions of `mosaic_core.conventions` on the way in and back on the way out.
"""

from .base import Gaps
from .files import ABOUT_FORMATS, FORMAT_NAMES, FORMAT_SUFFIXES, ReadPath, read_path, read_path_stating, write_path
from .lost import Lost

__all__ = [
    "ABOUT_FORMATS",
    "FORMAT_NAMES",
    "FORMAT_SUFFIXES",
    "Gaps",
    "Lost",
    "ReadPath",
    "read_path",
    "read_path_stating",
    "write_path",
]
