"""What Blender itself draws of a memory's mesh while its points are shown: the bounding box.

Points over quads of the same colours could not be told from them. So in Object Mode the object is displayed
as bounds; in Edit Mode, without points, in files, and after the extension is gone it is displayed as the artist chose.
The choice waits in `object.mosaic.native_display`. `sync` brings every object to what it should be, whatever undo, a
mode switch or a script made of it, and changes nothing that is right already.
"""

from __future__ import annotations

import bpy

from ..memory import store
from . import draw

_HIDDEN_AS = "BOUNDS"


def sync(*, window: bool | None = None) -> None:
    """Display every memory as it should be now; `window` says whether there is one that shows points."""
    window = not bpy.app.background if window is None else window
    settings = getattr(bpy.context.scene, "mosaic", None)
    points = window and settings is not None and settings.show_points and not draw.failure()
    for obj in _own():
        _display(obj, as_bounds=points and obj.mode == "OBJECT")


def restore() -> None:
    """Display every memory as the artist chose."""
    for obj in _own():
        _display(obj, as_bounds=False)


def _own() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if store.is_memory(obj) and store.is_editable(obj)]


def _display(obj: bpy.types.Object, *, as_bounds: bool) -> None:
    chosen = obj.mosaic.native_display
    if as_bounds and (not chosen or obj.display_type != _HIDDEN_AS):  # or the artist chose another one meanwhile
        obj.mosaic.native_display, obj.display_type = obj.display_type, _HIDDEN_AS
    elif not as_bounds and chosen:
        obj.mosaic.native_display, obj.display_type = "", chosen
