"""`mosaic`: the command line, a module a command. Every command has an example, says in one sentence what is wrong, and
exits with 0 only when it did what was asked.
"""

from __future__ import annotations

import argparse
import sys

from ..errors import Cancelled, MosaicError
from ..version import VERSION
from . import (
    bench,
    compare,
    demo,
    edit,
    evaluate,
    exchange,
    generate,
    inspect,
    path,
    photo,
    remake,
    sheet,
    splice,
    train,
    worker,
)

COMMANDS = (
    demo,
    generate,
    remake,
    compare,
    sheet,
    inspect,
    edit,
    splice,
    path,
    photo,
    exchange,
    bench,
    evaluate,
    train,
    worker,
)
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("mosaic: stopped", file=sys.stderr)
        return INTERRUPTED
    except Cancelled:
        print("mosaic: cancelled", file=sys.stderr)
        return INTERRUPTED
    except MosaicError as error:
        print(f"mosaic: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mosaic", description="The memory canvas for video world models.")
    parser.add_argument("--version", action="version", version=f"mosaic {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
