"""Enabling and disabling the extension, again and again: nothing of it stays behind."""

from __future__ import annotations

import bpy
import pytest


def present() -> dict[str, object]:
    """Everything an add-on can leave in Blender."""
    handlers = {
        name: len(getattr(bpy.app.handlers, name))
        for name in dir(bpy.app.handlers)
        if isinstance(getattr(bpy.app.handlers, name), list)
    }
    owners = (bpy.types.Scene, bpy.types.Object, bpy.types.WindowManager)
    return {
        "handlers": handlers,
        "types": sorted(name for name in dir(bpy.types) if "mosaic" in name.lower()),
        "operators": sorted(dir(bpy.ops.mosaic)),
        "properties": sorted(f"{owner.__name__}.{name}" for owner in owners for name in dir(owner) if "mosaic" in name),
    }


def test_twice_on_and_off_leaves_nothing(addon):
    enabled = present()
    addon.unregister()
    try:
        disabled = present()
        assert disabled["types"] == disabled["operators"] == disabled["properties"] == []
        assert "WindowManager.mosaic_job" in enabled["properties"]
        for _ in range(2):
            addon.register()
            assert present() == enabled
            addon.unregister()
            assert present() == disabled
    finally:
        addon.register()


def test_no_timer_runs_while_nothing_happens():
    from blender_addon import jobs, worker_setup

    assert not bpy.app.timers.is_registered(jobs._pump)
    assert not bpy.app.timers.is_registered(worker_setup._pump)


def test_every_operator_has_a_tooltip_and_says_why_it_is_disabled():
    for name in dir(bpy.ops.mosaic):
        operator = getattr(bpy.ops.mosaic, name)
        assert operator.get_rna_type().description, name
        operator.poll()  # in an empty file: must not raise


def test_the_command_is_known_to_blender(addon):
    if not hasattr(bpy.utils, "register_cli_command"):
        pytest.skip("this Blender has no commands")
    from blender_addon import cli

    assert len(cli._handles) == 1
    addon.unregister()
    assert cli._handles == []
    addon.register()


# What the add-on keeps for itself and no panel shows as a field.
NEVER_SHOWN = {"MosaicFinding", "MosaicQueueItem", "MosaicQueueStatus", "MosaicJobStatus", "MosaicWorkerStatus"}


def tooltips(kind) -> dict[str, str]:
    """The description of every property of a type and of every item of its enums, by name."""
    inherited = {
        *bpy.types.PropertyGroup.bl_rna.properties.keys(),
        *bpy.types.AddonPreferences.bl_rna.properties.keys(),
    }
    found = {}
    for prop in kind.properties:
        if prop.identifier not in inherited and not prop.is_hidden and prop.type != "COLLECTION":
            found[f"{kind.identifier}.{prop.identifier}"] = prop.description
            items = prop.enum_items if prop.type == "ENUM" else ()
            found |= {f"{kind.identifier}.{prop.identifier}.{item.identifier}": item.description for item in items}
    return found


def test_everything_an_artist_can_set_has_a_tooltip_in_blenders_style():
    found = {}
    for name in dir(bpy.ops.mosaic):
        kind = getattr(bpy.ops.mosaic, name).get_rna_type()
        found |= {kind.identifier: kind.description} | tooltips(kind)
    for cls in (*bpy.types.PropertyGroup.__subclasses__(), *bpy.types.AddonPreferences.__subclasses__()):
        if cls.is_registered and cls.__name__ not in NEVER_SHOWN and cls.__module__.startswith("blender_addon"):
            found |= tooltips(cls.bl_rna)
    assert len(found) > 100
    assert not [name for name, text in found.items() if not text], (
        f"these have no description: {[n for n, t in found.items() if not t]}"
    )
    assert not [name for name, text in found.items() if text.endswith(".")], "Blender adds the full stop"
    assert not [name for name, text in found.items() if text[0].islower()], "a tooltip begins with a capital"
