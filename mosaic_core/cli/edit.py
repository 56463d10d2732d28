"""`mosaic edit`: move, copy, delete, hide or reset an object's patches."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "move, copy, delete, hide or reset an object's patches"
    example = "mosaic edit yard.mosaic --object 'Crate Red' --move 1 0 0 --out edited.mosaic"
    edit = add_command(commands, "edit", help_, example, _run)
    edit.add_argument("memory", type=Path, metavar="MEMORY")
    edit.add_argument("--object", action="append", required=True, metavar="NAME", help="repeat for several objects")
    edit.add_argument("--out", type=Path, required=True, metavar="FILE")
    action = edit.add_mutually_exclusive_group(required=True)
    vector: dict[str, Any] = {"nargs": 3, "type": float, "metavar": ("X", "Y", "Z")}
    action.add_argument("--move", **vector, help="by a vector in world metres")
    action.add_argument("--copy", **vector, help="a copy, that far away")
    action.add_argument("--turn", type=float, metavar="DEG", help="about the vertical through the object's middle")
    action.add_argument("--scale", type=float, metavar="FACTOR", help="about the object's middle")
    for name in ("delete", "hide", "show", "reset"):
        action.add_argument(f"--{name}", action="store_true")


def _run(options: argparse.Namespace) -> int:
    from ..memory import load_memory, save_memory
    from ..memory.object_edits import edit_objects

    memory = edit_objects(load_memory(options.memory), options.object, _action(options), author="command line")
    save_memory(memory, options.out)
    print(f"{options.out}: {len(memory.placements)} placements, {len(memory.edits)} edits")
    return 0


def _action(options: argparse.Namespace) -> tuple[str, Any]:
    """The one action that was asked for, and its value."""
    for name in ("move", "copy", "turn", "scale", "delete", "hide", "show", "reset"):
        value = getattr(options, name)
        if value is not None and value is not False:
            return name, value
    raise AssertionError("argparse requires one of them")
