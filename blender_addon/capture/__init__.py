"""From a Blender scene to views: colour, planar depth and object ids of what cameras see.

Each view takes two renders. The first is the artist's picture, by the engine that was asked for. The second is a
Workbench render in which every object has its own flat colour: it gives object ids and depth exactly, whatever made the
picture, in some 30 ms without a GPU. Both come from a temporary copy of the scene (`stage`), so frame, camera,
compositor and render settings of the artist's scene are never touched; the few properties of objects that must change
for a render are put back as soon as it ends, also when it fails.
"""

from .background import steps_beside_window
from .request import CaptureRequest, requests_from_settings
from .steps import CaptureProgress, capture_memory, capture_steps
from .store import capture_into_scene, store_memory, store_steps

__all__ = [
    "CaptureProgress",
    "CaptureRequest",
    "capture_into_scene",
    "capture_memory",
    "capture_steps",
    "requests_from_settings",
    "steps_beside_window",
    "store_memory",
    "store_steps",
]
