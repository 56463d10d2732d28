"""`mosaic evaluate`: how good the model is, measured on scenes it never saw."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import MosaicError
from .command import Commands, add_command, show


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    evaluate = add_command(
        commands,
        "evaluate",
        "measure the model against baselines on scenes it never saw",
        "mosaic evaluate --out docs/evaluate --json",
        _run,
    )
    evaluate.add_argument("--scenes", type=int, default=16)
    clips_help = "folder of clips filmed elsewhere, e.g. in Blender, instead of scenes of our own"
    evaluate.add_argument("--clips", type=Path, metavar="DIR", help=clips_help)
    evaluate.add_argument("--only", action="append", default=[], metavar="ROW", help="repeat for several; all without")
    evaluate.add_argument("--out", type=Path, help="folder for result.json, table.md and page.png")
    evaluate.add_argument("--json", action="store_true")


def _run(options: argparse.Namespace) -> int:
    import json

    from ..evaluate.benchmark import draw_page, evaluate, table
    from ..evaluate.rows import ROWS
    from ..files import write_atomically

    result, scenes, scored = evaluate(scenes=options.scenes, clips=options.clips, rows=options.only or ROWS, say=_say)
    if options.out:
        try:
            options.out.mkdir(parents=True, exist_ok=True)
            write_atomically(options.out / "result.json", json.dumps(result, indent=1).encode())
            write_atomically(options.out / "table.md", (table(result["rows"]) + "\n").encode())
            draw_page(scenes, scored, options.out / "page.png")
        except OSError as error:
            raise MosaicError(f"cannot write to {options.out}: {error.strerror or error}") from error
    show(result if options.json else table(result["rows"]), as_json=options.json)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
