"""`mosaic remake`: a take again, from its manifest."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .command import Commands, add_command, show
from .generate import progress


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "make a take again from its manifest: the same shot, the same bits"
    remake = add_command(commands, "remake", help_, "mosaic remake take --out again", _run)
    remake.add_argument("take", type=Path, metavar="TAKE", help="a folder that `mosaic generate` or Blender made")
    remake.add_argument("--out", type=Path, required=True, metavar="DIR")
    remake.add_argument("--json", action="store_true", help="print the clip's manifest")


def _run(options: argparse.Namespace) -> int:
    from ..generate import generate
    from ..generate.remake import remake_of

    remake = remake_of(options.take)
    for warning in remake.warnings:
        print(f"mosaic: {warning}", file=sys.stderr)
    clip = generate(remake.shot, options.out, on_event=progress)
    show(clip.manifest if options.json else f"{clip.video_file}", as_json=options.json)
    return 0
