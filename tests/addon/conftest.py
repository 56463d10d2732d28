"""Add-on tests run inside the bpy package: each starts from an empty file with the add-on registered."""

from __future__ import annotations

import pytest

bpy = pytest.importorskip("bpy", reason="the add-on tests need the bpy package")


@pytest.fixture(autouse=True)
def addon():
    """An empty factory file and a registered add-on; unregistered afterwards, which must not raise."""
    import blender_addon

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.edit.use_global_undo = True
    blender_addon.register()
    yield blender_addon
    blender_addon.unregister()
