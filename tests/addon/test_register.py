"""Enabling and disabling the extension, again and again: nothing of it stays behind."""

from __future__ import annotations

import importlib
import subprocess
import sys

import bpy
import pytest

from .job_scenes import another_blender, finish, ready_scene, start_fake, tick_until


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


def datablocks() -> dict[str, list[str]]:
    """Every datablock of the file, by kind."""
    kinds = (name for name in dir(bpy.data) if isinstance(getattr(bpy.data, name), bpy.types.bpy_prop_collection))
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def test_ten_times_on_and_off_leaves_nothing(addon):
    enabled, file = present(), datablocks()
    addon.unregister()
    try:
        disabled = present()
        assert disabled["types"] == disabled["operators"] == disabled["properties"] == []
        assert "WindowManager.mosaic_job" in enabled["properties"]
        for _ in range(10):
            addon.register()
            assert present() == enabled
            addon.unregister()
            assert present() == disabled
        assert datablocks() == file
    finally:
        addon.register()


def test_reloading_the_modules_as_reload_scripts_does_leaves_one_of_everything(addon):
    """Blender unregisters, drops the modules and imports them again."""
    enabled = present()
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "blender_addon"}
    addon.unregister()
    try:
        for name in kept:
            del sys.modules[name]
        again = importlib.import_module("blender_addon")
        again.register()
        try:
            assert present() == enabled
            assert bpy.ops.mosaic.copy_report.poll()
        finally:
            again.unregister()
    finally:
        sys.modules.update(kept)
        addon.register()


def test_a_job_ends_with_the_extension_and_the_next_one_works(addon, tmp_path, monkeypatch):
    from blender_addon import compat, jobs
    from tests.worker.fake_jobs import process_runs

    def user_dir(folder: str = ""):
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    monkeypatch.setattr(compat, "user_dir", user_dir)
    ready_scene(tmp_path)
    file = datablocks()
    for _ in range(3):
        job = start_fake("ok", frames=500)
        assert tick_until(lambda: bpy.context.window_manager.mosaic_job.fraction > 0)
        addon.unregister()
        try:
            assert not process_runs(job.runner.pid) and not jobs.is_running()
            assert not bpy.app.timers.is_registered(jobs._pump)
        finally:
            addon.register()
        status = bpy.context.window_manager.mosaic_job
        assert not status.running and not status.text, "the panel shows no job that has ended"
        assert datablocks() == file, "no picture of the running job stays"
    start_fake("ok")
    assert finish().error == ""


def test_a_script_that_ends_with_the_extension_registered_ends_well():
    """It ended with `TypeError: 'NoneType' object is not callable` in 5.2 and with a crash in 4.5."""
    script = "import blender_addon\nblender_addon.register()\nprint('registered')"
    run = subprocess.run(another_blender(script), capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "registered" in run.stdout and "Error" not in run.stdout + run.stderr, run.stdout + run.stderr


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
