"""The spatial memory: views lifted into patches, placed in the world, edited, read out, saved."""

from .edits import Edit
from .features import Features
from .memory import Memory
from .mosaic_append import append_memory
from .mosaic_file import load_memory, memory_sha256, open_memory, save_memory
from .patches import Patches
from .placements import DYNAMIC, HIDDEN, LOCKED, Placements
from .placements_file import load_placements, save_placements
from .view import View

__all__ = [
    "DYNAMIC",
    "HIDDEN",
    "LOCKED",
    "Edit",
    "Features",
    "Memory",
    "Patches",
    "Placements",
    "View",
    "append_memory",
    "load_memory",
    "load_placements",
    "memory_sha256",
    "open_memory",
    "save_memory",
    "save_placements",
]
