"""Every string the add-on shows that Blender can translate: labels and tooltips of types, and texts in panels.

    PYTHONPATH=. python -m tests.addon.shown_strings          # those that German lacks yet

Texts with numbers in them (f-strings) are put together in Python and stay English; legends and findings are made of
phrases, whose templates are listed.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import bpy

_ADDON = Path(__file__).resolve().parents[2] / "blender_addon"
PANELS = _ADDON / "panels"
_PHRASES_IN = (_ADDON, _ADDON.parent / "mosaic_core")
_BASES = (bpy.types.Panel, bpy.types.Menu, bpy.types.PropertyGroup, bpy.types.AddonPreferences, bpy.types.UIList)


def labels_and_tooltips() -> tuple[set[str], set[str]]:
    """What is shown on panels and buttons, and what is shown when the mouse rests on one."""
    kinds = [getattr(bpy.ops.mosaic, name).get_rna_type() for name in dir(bpy.ops.mosaic)]
    labels, tips = {kind.name for kind in kinds}, {kind.description for kind in kinds}
    for base in _BASES:
        for cls in base.__subclasses__():
            if cls.__module__.startswith("blender_addon") and getattr(cls, "is_registered", True):
                labels |= {getattr(cls, "bl_label", "")}
                if issubclass(cls, bpy.types.PropertyGroup | bpy.types.AddonPreferences):
                    kinds.append(cls.bl_rna)
    inherited = {
        *bpy.types.PropertyGroup.bl_rna.properties.keys(),
        *bpy.types.AddonPreferences.bl_rna.properties.keys(),
    }
    for kind in kinds:
        for prop in kind.properties:
            if prop.identifier not in inherited and not prop.is_hidden:
                items = list(prop.enum_items) if prop.type == "ENUM" else []
                labels |= {prop.name, *(item.name for item in items)}
                tips |= {prop.description, *(item.description for item in items)}
    return _words(labels | texts_of_panels()), _words(tips)


def texts_of_panels() -> set[str]:
    """The literal texts that panels give to buttons, labels and fields."""
    found = set()
    for file in PANELS.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg == "text":
                        found |= {n.value for n in ast.walk(keyword.value) if _is_text(n)}
                if getattr(node.func, "id", "") == "draw_text" and len(node.args) > 2 and _is_text(node.args[2]):
                    found.add(node.args[2].value)
    return found


def templates_of_phrases() -> set[str]:
    """The literal templates of phrases. What has no words, only values, needs no translation."""
    found = set()
    for file in (file for folder in _PHRASES_IN for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "phrase" and _is_text(node.args[0]):
                found.add(node.args[0].value)
    return {template for template in found if re.sub(r"{[^}]*}|[^\w]", "", template)}


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _words(strings: set[str]) -> set[str]:
    return {string for string in strings if len(string) > 1 and any(letter.isalpha() for letter in string)}


if __name__ == "__main__":
    import blender_addon
    from blender_addon.translations import LANGUAGES

    blender_addon.register()
    texts = (*labels_and_tooltips(), templates_of_phrases())
    for kind, strings in zip(("labels", "tooltips", "phrases"), texts, strict=True):
        print(f"# {kind}", *sorted(repr(string) for string in strings - set(LANGUAGES["de"])), sep="\n")
    blender_addon.unregister()
