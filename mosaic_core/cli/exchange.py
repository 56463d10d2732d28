"""`mosaic export` and `mosaic import`: memories in other programs' formats."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import Commands, add_command, show


def add(commands: Commands) -> None:
    """Declare both commands and their options."""
    help_ = "write a memory for another program: points, COLMAP, ViPE, Mirage, RGB and depth images"
    out = add_command(commands, "export", help_, "mosaic export yard.mosaic --format ply --out yard.ply", _export)
    out.add_argument("memory", type=Path, metavar="MEMORY")
    out.add_argument("--format", required=True, metavar="NAME", help="ply, glb, mirage, vipe, colmap, rgbd, ...")
    out.add_argument("--out", type=Path, required=True, metavar="PLACE", help="a file, or a folder that is made")
    out.add_argument("--shown", action="store_true", help="views as the edits show them, not as captured")
    help_ = "make a memory of another program's files: views with depth, or points seen along a path"
    into = add_command(commands, "import", help_, "mosaic import scan --out scan.mosaic", _import)
    into.add_argument("place", type=Path, metavar="IN", help="a file or a folder")
    into.add_argument("--out", type=Path, required=True, metavar="FILE")
    into.add_argument("--format", metavar="NAME", help="of IN, guessed by its content without")
    into.add_argument("--into", type=Path, metavar="MEMORY", help="add to what this memory holds")
    into.add_argument("--cameras", type=Path, metavar="PATH", help="a camera path, for points and for plain images")
    for command in (out, into):
        command.add_argument("--depth-unit", type=float, metavar="M", help="metres a step of 16-bit depth, e.g. 0.001")
        command.add_argument("--fps", type=float)
        command.add_argument("--json", action="store_true")


def _export(options: argparse.Namespace) -> int:
    from ..memory import open_memory
    from ..memory.formats import Known, export_memory

    known = Known(fps=options.fps, depth_unit_m=options.depth_unit)
    memory = open_memory(options.memory)
    lost = export_memory(memory, options.out, format=options.format, known=known, shown=options.shown)
    if options.json:
        show(
            {"format": options.format, "out": str(options.out), "views": len(memory.views), "lost": lost}, as_json=True
        )
        return 0
    print("\n".join([f"{options.out}: {options.format}", *(f"lost     {sentence}" for sentence in lost)]))
    return 0


def _import(options: argparse.Namespace) -> int:
    from ..memory import open_memory, save_memory
    from ..memory.adding import added
    from ..memory.formats import Known, import_memory

    known = Known(fps=options.fps, depth_unit_m=options.depth_unit, cameras=options.cameras)
    imported = import_memory(options.place, options.format, known=known)
    memory = imported.memory if options.into is None else added(open_memory(options.into), imported.memory)
    save_memory(memory, options.out)
    views, patches = len(imported.memory.views), len(imported.memory.patches)
    if options.json:
        facts = {"format": imported.format_name, "views": views, "patches": patches, "assumed": imported.assumed}
        show(facts, as_json=True)
        return 0
    lines = [f"{options.out}: {views} views, {patches} patches, from {imported.format_name}"]
    print("\n".join([*lines, *(f"assumed  {sentence}" for sentence in imported.assumed)]))
    return 0
