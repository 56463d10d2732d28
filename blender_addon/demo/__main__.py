"""`python -m blender_addon.demo --out DIR`: what `mosaic demo` runs, in a Python that has the bpy package.

Blender writes every rendered frame and the quirks of graphics drivers straight to the process's output, past Python.
They go to a log in the folder, so that the terminal shows the demonstration's own lines.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
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
    from ..output import run_logged

    return run_logged("mosaic demo", options.out / LOG_NAME, lambda say: _run(options.out, say))


def _run(folder: Path, say: Callable[[str], None]) -> None:
    from .. import register, unregister

    register()
    try:
        from .run import run_demo

        files = run_demo(folder, say=say)
    finally:
        unregister()
    say(f"Done: {', '.join(files.written)} are in {files.folder}")


if __name__ == "__main__":
    sys.exit(main())
