"""What makes an object a memory: `object.mosaic`, which names the memory file its faces point into.

The patches themselves stay in the file. The object carries its path, its hash, and the absolute path it was last seen
at: a relative path is right when a folder moves as a whole, the absolute one when only the .blend did, and after an
append into another file. Blender copies these properties with the object: save, append, duplicate and undo keep them.
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, IntProperty, PointerProperty, StringProperty

from ..registry import registration

SCHEMA = 1


class MosaicObject(bpy.types.PropertyGroup):
    """`object.mosaic`."""

    is_memory: BoolProperty(name="Is Memory", description="Faces of this mesh are patches of a memory")
    # Not a FILE_PATH: Blender would not remap it on save all the same, and newer versions warn of its //.
    memory_path: StringProperty(
        name="Memory File",
        description="The .mosaic file this object shows; // is the .blend file's folder",
    )
    memory_path_absolute: StringProperty(
        name="Last Seen At", description="Where the memory file was found the last time"
    )
    memory_sha256: StringProperty(name="SHA-256", description="What the memory file must contain")
    native_display: StringProperty(
        name="Native Display", description="How the mesh is displayed while its points are not", options={"HIDDEN"}
    )
    schema: IntProperty(name="Schema", description="Version of the mesh attributes", default=0)


_register_classes, _unregister_classes = registration(MosaicObject)


def register() -> None:
    _register_classes()
    bpy.types.Object.mosaic = PointerProperty(type=MosaicObject)


def unregister() -> None:
    del bpy.types.Object.mosaic
    _unregister_classes()
