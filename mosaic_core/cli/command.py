"""What every command shares: how it is declared, and how it prints."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

Commands = Any  # what ArgumentParser.add_subparsers gives: argparse has no public name for it


def add_command(
    commands: Commands, name: str, help_: str, example: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """A command with an example under its help; `run` gets the options and returns the exit code."""
    parser = commands.add_parser(name, help=help_, description=help_, epilog=f"example: {example}")
    parser.set_defaults(run=run)
    return parser


def show(value: Any, *, as_json: bool) -> None:
    """Print text as it is, or anything as JSON."""
    print(json.dumps(value, indent=1) if as_json else value)
