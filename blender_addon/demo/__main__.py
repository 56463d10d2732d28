"""`python -m blender_addon.demo --out DIR`: what `mosaic demo` runs, in a Python that has the bpy package.

Blender writes every rendered frame and the quirks of graphics drivers straight to the process's output, past Python.
They go to a log in the folder, so that the terminal shows the demonstration's own lines.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

LOG_NAME = "demo.log"


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; the exit code."""
    parser = argparse.ArgumentParser(
        prog="mosaic demo",
        description="Compose a courtyard, capture it, edit its memory and generate the video before and after.",
        epilog="example: mosaic demo --out demo",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for videos, memory and .blend")
    options = parser.parse_args(arguments)
    from mosaic_core.errors import MosaicError

    from ..output import output_in

    started_s = time.monotonic()
    terminal = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started_s:5.1f} s] {text}", file=terminal, flush=True)

    try:
        with output_in(options.out / LOG_NAME):
            files = _run(options.out, say)
    except MosaicError as error:
        print(f"mosaic demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mosaic demo: stopped", file=sys.stderr)
        return 130
    say(f"Done: {', '.join(files.written)} are in {files.folder}")
    return 0


def _run(folder: Path, say):
    from .. import register, unregister

    register()
    try:
        from .run import run_demo

        return run_demo(folder, say=say)
    finally:
        unregister()


if __name__ == "__main__":
    sys.exit(main())
