"""The sidebar in every state: drawn with a layout that checks what Blender would check. A panel must never raise."""

from __future__ import annotations

import importlib

import bpy
import pytest

from .job_scenes import finish, make_take, ready_scene, start_fake, tick_until
from .memory_scenes import edit_mode
from .path_scenes import in_viewport

PARTS = ("memory", "edit", "view", "path", "generate", "result")
SUB_PARTS = {"path": ("path_keys", "bookmarks", "path_check"), "result": ("compare",)}
ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


class FakeLayout:
    """Records what is drawn, and refuses what Blender would refuse: unknown properties, operators, icons, arguments."""

    def __init__(self, drawn: list[str] | None = None) -> None:
        self.drawn = [] if drawn is None else drawn

    def _inner(self, name: str, options: dict) -> FakeLayout:
        known = bpy.types.UILayout.bl_rna.functions[name].parameters.keys()
        assert set(options) <= set(known), (name, options)
        assert options.get("icon", "NONE") in ICONS, options["icon"]
        return FakeLayout(self.drawn)

    def row(self, **options):
        return self._inner("row", options)

    def column(self, **options):
        return self._inner("column", options)

    def box(self, **options):
        return self._inner("box", options)

    def split(self, **options):
        return self._inner("split", options)

    def grid_flow(self, **options):
        return self._inner("grid_flow", options)

    def separator(self, **options):
        self._inner("separator", options)

    def label(self, **options):
        self._inner("label", options)
        self.drawn.append(options["text"])

    def prop(self, data, name, **options):
        self._inner("prop", options)
        assert name in data.bl_rna.properties, name
        self.drawn.append(f"prop {name}")

    def operator(self, idname, **options):
        self._inner("operator", options)
        return self._properties(idname, options)

    def operator_menu_enum(self, idname, name, **options):
        self._inner("operator_menu_enum", options)
        assert name in self._properties(idname, options).known
        self.drawn.append(f"menu {idname}")

    def _properties(self, idname, options):
        kind = getattr(bpy.ops.mosaic, idname.removeprefix("mosaic.")).get_rna_type()  # raises for unknown ones
        self.drawn.append(f"{idname} {options.get('text', kind.name)}".strip())
        return FakeProperties(kind.properties.keys())

    def menu(self, idname, **options):
        self._inner("menu", options)
        assert hasattr(bpy.types, idname), idname

    def progress(self, **options):
        self._inner("progress", options)
        self.drawn.append(f"progress {options['factor']:.1f} {options['text']}")

    def template_list(self, kind, _name, data, collection, active_data, active, **options):
        self._inner("template_list", options)
        assert hasattr(bpy.types, kind), kind
        assert collection in data.bl_rna.properties and active in active_data.bl_rna.properties
        for index, item in enumerate(getattr(data, collection)):
            fake_list = getattr(bpy.types, kind)
            fake_list.draw_item(None, None, self, data, item, 0, active_data, active, index)

    def template_icon(self, **options):
        self._inner("template_icon", options)


class FakeProperties:
    """What `layout.operator` returns: takes values of properties that the operator has."""

    def __init__(self, known) -> None:
        object.__setattr__(self, "known", set(known))

    def __setattr__(self, name, value) -> None:
        assert name in self.known, name


def drawn(only: str | None = None) -> str:
    """Everything the sidebar shows now. Draws without the safety net, so that a defect fails the test."""
    layout = FakeLayout()
    everything = [name for part in PARTS for name in (part, *SUB_PARTS.get(part, ()))]
    for part in everything if only is None else (only,):
        module = importlib.import_module(f"blender_addon.panels.{part}")
        getattr(module, f"draw_{part}")(layout, bpy.context)
    return "\n".join(layout.drawn)


@pytest.fixture
def shot(tmp_path, monkeypatch):
    from blender_addon import compat, jobs

    def user_dir(folder: str = ""):
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    monkeypatch.setattr(compat, "user_dir", user_dir)
    yield ready_scene(tmp_path)
    jobs.stop()


def test_an_empty_scene_says_where_to_begin():
    text = drawn()
    assert "No memory yet: capture the scene" in text and "mosaic.capture Capture Memory" in text
    assert "No camera: draw a path or add one" in text and "No take yet" in text


def test_a_memory_shows_its_name_counts_and_file(shot):
    text = drawn("memory")
    assert "prop memory" in text and "3 views" in text and "Add Views" in text
    assert f"{len(shot[0].data.polygons)} patches" in text
    assert "patches selected" in drawn("edit")
    assert "mosaic.generate Generate from Room" in drawn("generate")


def test_edit_mode_is_drawn_as_well(shot):
    edit_mode(shot[0])
    assert "patches selected" in drawn()


def test_a_missing_memory_file_is_said(shot, tmp_path):
    (tmp_path / "room.mosaic").unlink()
    assert "The memory file is missing" in drawn("memory").replace("\n", " ")


def test_a_damaged_mesh_is_drawn(shot):
    mesh = shot[0].data
    for name in ("view", "object_id", "row", "placement"):
        mesh.attributes.remove(mesh.attributes[name])
    assert "patches" in drawn("memory")
    mesh.clear_geometry()
    assert "0 of 0 patches selected" in drawn()


def test_a_running_job_shows_progress_and_cancel_instead_of_generate(shot):
    start_fake("ok", frames=500)
    status = bpy.context.window_manager.mosaic_job
    assert tick_until(lambda: status.fraction > 0)
    text = drawn("generate")
    assert text.startswith("progress 0.") and "left" in text and "mosaic.cancel Cancel" in text
    assert "mosaic.generate" not in text
    bpy.ops.mosaic.cancel()
    assert "Cancelling" in drawn("generate")
    finish()
    assert "Cancelled" in drawn("generate") and "mosaic.generate" in drawn("generate")


def test_a_failed_job_shows_its_sentence_and_the_report(shot):
    start_fake("out_of_memory")
    finish()
    text = drawn("generate")
    assert "Memory ran out" in text and "mosaic.copy_report" in text and "mosaic.generate" in text


def test_the_newest_take_is_shown(shot, tmp_path):
    make_take(tmp_path / "takes" / "take_0003")
    (tmp_path / "takes" / "take_0004").mkdir(parents=True)  # a job that has just begun
    bpy.context.window_manager.mosaic_job.take_folder = str(tmp_path / "takes" / "take_0003")
    text = drawn("result")
    assert "take_0003" in text and "Play" in text and "Background" in text and "Strip" in text


def test_a_path_camera_says_what_it_follows():
    bpy.ops.mosaic.path_preset(kind="ORBIT")
    text = drawn("path")
    assert "mosaic.draw_path" in text and "mosaic.export_path Export" in text


def test_the_live_preview_says_how_to_see_it_until_the_view_is_the_path_cameras(shot):
    bpy.ops.mosaic.path_preset(kind="ORBIT")
    bpy.context.window_manager.mosaic_view.show_preview = True
    hint = "through the path camera: press Look Through"
    with in_viewport():
        assert hint in drawn("view")
        bpy.ops.view3d.view_camera()
        assert hint in drawn("view"), "that is the scene's camera, and not the path's"
        bpy.ops.mosaic.look_through()
        assert hint not in drawn("view")


def test_bookmarks_are_listed_with_a_way_to_look_at_them():
    from mathutils import Matrix

    from blender_addon.paths.bookmarks import add_bookmark
    from blender_addon.paths.views import View

    add_bookmark(bpy.context.scene, View(Matrix.Identity(4), 0.5), name="Door")
    text = drawn("bookmarks")
    assert "prop chosen" in text and "prop name" in text and "mosaic.bookmark_show" in text
    assert "mosaic.bookmark_path Path through Bookmarks" in text
    assert "mosaic.key_view Key the View at 1" in drawn("path_keys")


def test_the_menus_list_objects_and_views(shot):
    from blender_addon.memory import store
    from blender_addon.panels import edit

    layout = FakeLayout()
    edit.draw_object_menu(layout, bpy.context)
    edit.draw_view_menu(layout, bpy.context)
    memory = store.memory_of(shot[0])
    for name in memory.object_names.values():
        assert f"mosaic.select_object {name}" in layout.drawn
    assert len(layout.drawn) == 2 + len(memory.object_names) + len(memory.views)


def test_a_menu_that_cannot_list_all_objects_asks_for_the_name(shot, monkeypatch):
    from blender_addon.panels import edit

    monkeypatch.setattr(edit, "_MAX_MENU_ENTRIES", 1)
    layout = FakeLayout()
    edit.draw_object_menu(layout, bpy.context)
    assert layout.drawn[0] == "mosaic.select_object By Name" and len(layout.drawn) == 3


def test_a_kept_set_stands_in_the_menu_until_it_is_forgotten(shot):
    from blender_addon.panels import edit

    def drawn_menus() -> list[str]:
        layout = FakeLayout()
        edit.draw_meaning_menu(layout, bpy.context)
        edit.draw_forget_menu(layout, bpy.context)
        return [text for text in layout.drawn if "left wall" in text]

    bpy.context.view_layer.objects.active = shot[0]
    bpy.ops.mosaic.select_all(action="SELECT")
    bpy.ops.mosaic.keep_set(name="left wall")
    assert drawn_menus() == ["mosaic.select_set left wall", "mosaic.forget_set left wall"]
    bpy.ops.mosaic.forget_set(name="left wall")
    assert not drawn_menus()


def test_a_menu_without_its_file_says_so_instead_of_raising(shot, tmp_path):
    from types import SimpleNamespace

    from blender_addon.memory import store
    from blender_addon.panels.edit import MENUS

    store.forget()
    (tmp_path / "room.mosaic").unlink()
    for menu in MENUS:
        layout = FakeLayout()
        menu.draw(SimpleNamespace(layout=layout), bpy.context)
        needs_the_file = menu.bl_idname in ("MOSAIC_MT_select_object", "MOSAIC_MT_select_view")
        assert ("missing" in " ".join(layout.drawn)) == needs_the_file


def test_a_defect_in_drawing_is_said_once_and_does_not_raise(caplog):
    from types import SimpleNamespace

    from blender_addon.panels.drawing import safely

    def draw_broken(_layout, _context):
        raise KeyError("a defect")

    layout = FakeLayout()
    for _ in range(3):
        safely(draw_broken)(SimpleNamespace(layout=layout), bpy.context)
    assert len([text for text in layout.drawn if "KeyError" in text]) == 3
    assert len(caplog.records) == 1


def test_every_panel_and_menu_is_registered_in_the_sidebar():
    from blender_addon.panels.edit import MENUS

    panels = [getattr(bpy.types, f"MOSAIC_PT_{part}") for part in PARTS]
    assert [panel.bl_label for panel in panels] == ["Memory", "Edit", "View", "Path", "Generate", "Result"]
    for panel in panels:
        assert panel.is_registered and panel.bl_category == "Mosaic" and panel.bl_space_type == "VIEW_3D"
    assert all(menu.is_registered for menu in MENUS)
    for part, subs in SUB_PARTS.items():
        for sub in subs:
            panel = getattr(bpy.types, f"MOSAIC_PT_{sub}")
            assert panel.is_registered and panel.bl_parent_id == f"MOSAIC_PT_{part}"


def test_long_sentences_fit_the_sidebar():
    from blender_addon.panels.drawing import wrapped

    lines = wrapped("the memory file is missing: " + "very/long/" * 20, 30)
    assert max(map(len, lines)) <= 30 and len(lines) > 3
    assert len(wrapped("word " * 1000, 20)) <= 13
    assert wrapped("", 30) == []
