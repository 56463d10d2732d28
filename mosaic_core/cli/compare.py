"""`mosaic compare`: two clips side by side, as a wipe, or their difference."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "compare two clips frame by frame: a folder of frames, a video, and where they differ in numbers"
    compare = add_command(commands, "compare", help_, "mosaic compare before after --out compared", _run)
    compare.add_argument("first", type=Path, metavar="BEFORE", help="a folder that `mosaic generate` made")
    compare.add_argument("second", type=Path, metavar="AFTER")
    compare.add_argument("--out", type=Path, required=True, metavar="DIR")
    modes = ("side-by-side", "wipe", "difference")
    compare.add_argument("--mode", choices=modes, default=modes[0])
    compare.add_argument("--split", type=float, default=0.5, metavar="SHARE", help="where a wipe changes over (0.5)")
    compare.add_argument("--json", action="store_true", help="print the difference of each frame")


def _run(options: argparse.Namespace) -> int:
    from ..report.compare import compare

    made = compare(options.first, options.second, options.out, mode=options.mode, split=options.split)
    if options.json:
        print(json.dumps({"frames": made.frames, "difference": made.difference}))
    else:
        print(f"{made.in_words}: {options.out}")
    return 0
