"""When the memory operators may run, and why not: said in the button's tooltip instead of after the click."""

from __future__ import annotations

import bpy

from mosaic_core.wording import Phrase, counted, phrase

from ..memory import store
from ..translations import report


def poll_memory(cls: type[bpy.types.Operator], context: bpy.types.Context, *, object_mode: bool = False) -> bool:
    """True where the active (or the scene's) memory can be changed now."""
    obj = store.active_memory(context)
    if obj is None:
        reason = "Capture a memory first, or make a memory the active object"
    elif not store.is_editable(obj):
        reason = f"{obj.name!r} is linked from another file: make it local to edit it"
    elif obj.mode not in ("OBJECT", "EDIT"):
        reason = "Patches are edited in Object Mode and in Edit Mode"
    elif object_mode and obj.mode != "OBJECT":
        reason = "Leave Edit Mode first"
    else:
        return True
    cls.poll_message_set(reason)
    return False


class MemoryOperator:
    """Mixed into operators that change a memory."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return poll_memory(cls, context)


def told_selected(operator: bpy.types.Operator, number: int) -> None:
    """Say how many patches are selected now."""
    report(operator, "INFO", phrase("{patches} selected", patches=counted(number, "patches")))


def why_none(locked: int) -> Phrase:
    """Why there is no patch to be changed, where so many of the selected are locked."""
    return phrase("All selected patches are locked: select others") if locked else phrase("Select some patches first")
