"""What the artist wants to see over the viewport: `window_manager.mosaic_view`.

In the window manager and not in the scene, because this is how somebody looks at the work and not the work itself:
undo takes back the last edit instead of switching an overlay off, and a file looks the same to everybody who opens it.
The price is that the switches begin anew with every session.
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, PointerProperty

from ..registry import registration
from ..translations import CONTEXT
from . import colouring


def _changed(_self, _context) -> None:
    from .supply import refresh

    refresh()


class MosaicViewSettings(bpy.types.PropertyGroup):
    """`window_manager.mosaic_view`."""

    colour_mode: EnumProperty(
        name="Colours",
        description="What the colours of the patches say",
        items=[(mode.identifier, mode.name, mode.description) for mode in colouring.MODES],
        update=_changed,
    )
    show_frusta: BoolProperty(
        name="Views", description="The cameras that the memory's views were captured from", update=_changed
    )
    show_path: BoolProperty(
        name="Path",
        translation_context=CONTEXT,
        description="The camera's path with a tick every few frames, coloured by speed; red where more than half of "
        "the picture is new within four frames, which a model cannot follow",
        update=_changed,
    )
    show_holes: BoolProperty(
        name="Holes Along the Path",
        description="Places that the path looks at and the memory does not know",
        update=_changed,
    )
    show_legend: BoolProperty(name="Legend", description="Say what the colours mean", default=True, update=_changed)
    show_preview: BoolProperty(
        name="Live Preview",
        description="Looking through the path camera, show what the engine will be fed: the edited memory as this "
        "camera sees it, holes hatched",
        update=_changed,
    )


_register_classes, _unregister_classes = registration(MosaicViewSettings)


def register() -> None:
    _register_classes()
    bpy.types.WindowManager.mosaic_view = PointerProperty(type=MosaicViewSettings)


def unregister() -> None:
    del bpy.types.WindowManager.mosaic_view
    _unregister_classes()
