"""Where a memory's file is: saving, reloading, appending, linking, moving files about, relinking."""

from __future__ import annotations

import shutil

import bpy
import pytest

from mosaic_core.errors import MemoryFileError
from mosaic_core.memory import save_memory
from mosaic_core.memory.edits import translate
from tests.core.known_scenes import RED, camera_at, placements_of, view_of

from .memory_scenes import built, edit_mode, object_mode, select_object


def read(obj, memory):
    from blender_addon.memory.read import read_object

    return read_object(obj, memory)


def test_saving_and_reloading_keeps_the_edit_and_finds_the_memory(tmp_path):
    from blender_addon.memory import store

    obj, memory = built(tmp_path / "files")
    select_object(obj, RED)
    edit_mode(obj)
    bpy.ops.transform.translate(value=(1, 0, 0))
    object_mode()
    before = read(obj, memory)[0]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert obj.mosaic.memory_path == "//files/room.mosaic"
    store.forget()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    obj = bpy.data.objects["Room"]
    assert read(obj, store.memory_of(obj))[0].same_as(before)


def test_a_folder_that_moved_as_a_whole_and_a_blend_that_moved_alone_still_work(tmp_path):
    from blender_addon.memory import store

    built(tmp_path / "job")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "job" / "shot.blend"))
    shutil.copy(tmp_path / "job" / "shot.blend", tmp_path / "alone.blend")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "alone.blend"))
    assert store.memory_file_of(bpy.data.objects["Room"]) == tmp_path / "job" / "room.mosaic"
    (tmp_path / "job").rename(tmp_path / "elsewhere")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere" / "shot.blend"))
    assert store.memory_file_of(bpy.data.objects["Room"]) == tmp_path / "elsewhere" / "room.mosaic"
    assert bpy.data.objects["Room"].mosaic.memory_path == "//room.mosaic"


def test_saving_elsewhere_and_saving_a_copy_keep_paths_right(tmp_path):
    from blender_addon.memory import store

    obj, _ = built(tmp_path / "a")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a" / "shot.blend"))
    (tmp_path / "b").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b" / "copy.blend"), copy=True)
    assert obj.mosaic.memory_path == "//room.mosaic"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b" / "shot.blend"))
    assert obj.mosaic.memory_path == "//../a/room.mosaic"
    for name in ("copy", "shot"):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "b" / f"{name}.blend"))
        obj = bpy.data.objects["Room"]
        assert store.absolute_path(obj) == tmp_path / "a" / "room.mosaic"


def test_appending_and_linking_into_another_file(tmp_path):
    from blender_addon.memory import store

    _, memory = built(tmp_path / "a")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a" / "shot.blend"))
    (tmp_path / "b").mkdir()
    for link in (False, True):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b" / "other.blend"))
        with bpy.data.libraries.load(str(tmp_path / "a" / "shot.blend"), link=link) as (source, target):
            target.objects = source.objects
        obj = target.objects[0]
        bpy.context.scene.collection.objects.link(obj)
        bpy.context.view_layer.objects.active = obj
        assert read(obj, store.memory_of(obj))[0].same_as(memory.placements)
        assert store.is_editable(obj) is not link
        assert bpy.ops.mosaic.move.poll() is not link


def test_a_missing_or_changed_memory_file_is_said_in_a_sentence_and_relinked(tmp_path):
    from blender_addon.memory import store
    from blender_addon.memory.validate import validate

    obj, memory = built(tmp_path / "a")
    (tmp_path / "a" / "room.mosaic").rename(tmp_path / "kept.mosaic")
    with pytest.raises(MemoryFileError, match=r"missing, expected .*room\.mosaic: use Relink"):
        store.memory_of(obj)
    assert "missing" in validate(obj).problem
    assert bpy.ops.mosaic.relink(filepath=str(tmp_path / "kept.mosaic")) == {"FINISHED"}
    assert read(obj, store.memory_of(obj))[0].same_as(memory.placements)

    later = memory.edited(translate(placements_of(memory, RED), (0, 0, 1)))
    save_memory(later, tmp_path / "kept.mosaic")
    with pytest.raises(MemoryFileError, match="SHA-256 differs"):
        store.memory_of(obj)
    # A later state of the same memory may be linked; another memory may not.
    assert bpy.ops.mosaic.relink(filepath=str(tmp_path / "kept.mosaic")) == {"FINISHED"}
    stranger = type(memory).from_views([view_of(camera_at((1, -4, 2)))], {})
    save_memory(stranger, tmp_path / "stranger.mosaic")
    with pytest.raises(RuntimeError, match="another memory"):
        bpy.ops.mosaic.relink(filepath=str(tmp_path / "stranger.mosaic"))
    (tmp_path / "junk.mosaic").write_bytes(b"junk")
    with pytest.raises(RuntimeError, match="junk"):
        bpy.ops.mosaic.relink(filepath=str(tmp_path / "junk.mosaic"))
    assert store.absolute_path(obj) == tmp_path / "kept.mosaic"


def test_a_damaged_memory_file_says_what_to_do(tmp_path):
    from blender_addon.memory import store

    obj, _memory = built(tmp_path)
    file = tmp_path / "room.mosaic"
    file.write_bytes(file.read_bytes()[:2000])
    obj.mosaic.memory_sha256 = store.memory_sha256(file)  # as if the copy had been cut short before it was linked
    store.forget()
    with pytest.raises(MemoryFileError, match="relink a copy that is whole, or capture again"):
        store.memory_of(obj)
