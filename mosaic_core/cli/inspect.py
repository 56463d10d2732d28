"""`mosaic inspect`: what a memory holds, how well its views agree, and what it shows along a path."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import MosaicError
from .command import Commands, add_command, show


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "say what a memory holds, and what it shows along a camera path"
    example = "mosaic inspect yard.mosaic --path path.json --page report.png"
    inspect = add_command(commands, "inspect", help_, example, _run)
    inspect.add_argument("memory", type=Path, metavar="MEMORY")
    inspect.add_argument("--path", type=Path, metavar="PATH", help="a camera path, in any format `mosaic path` reads")
    inspect.add_argument("--page", type=Path, metavar="PNG", help="also draw one page of plots and maps")
    inspect.add_argument("--compare", action="store_true", help="compare the views (--path and --page do anyway)")
    inspect.add_argument("--frames", type=int, default=48, metavar="N", help="frames of the path to look at, at most")
    inspect.add_argument("--width", type=int, default=320, metavar="PX", help="of the frames that are looked at")
    inspect.add_argument("--json", action="store_true")


def _run(options: argparse.Namespace) -> int:
    from ..cameras.formats import read_path
    from ..files import write_atomically
    from ..memory import load_memory
    from ..report import measure, report_lines

    if options.frames < 1 or options.width < 1:
        raise MosaicError(f"--frames and --width are positive, got {options.frames} and {options.width}")
    path = None if options.path is None else read_path(options.path)
    report = measure(
        load_memory(options.memory),
        path,
        file=options.memory,
        compare=options.compare or options.page is not None,
        max_frames=options.frames,
        width_px=options.width,
    )
    if options.page is not None:
        from ..report.page import report_page

        try:
            write_atomically(options.page, report_page(report, options.memory.name))
        except OSError as error:
            raise MosaicError(f"cannot write {options.page}: {error.strerror or error}") from error
    show(report.facts if options.json else "\n".join(report_lines(report.facts)), as_json=options.json)
    return 0
