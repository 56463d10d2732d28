"""`mosaic inspect`: what a memory holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import Commands, add_command, show


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    inspect = add_command(commands, "inspect", "say what a memory holds", "mosaic inspect yard.mosaic --json", _run)
    inspect.add_argument("memory", type=Path, metavar="MEMORY")
    inspect.add_argument("--json", action="store_true")


def _run(options: argparse.Namespace) -> int:
    from ..memory import load_memory
    from ..memory.summary import summary, summary_lines

    facts = summary(load_memory(options.memory))
    show(facts if options.json else "\n".join(summary_lines(facts)), as_json=options.json)
    return 0
