"""`mosaic worker`: the GPU process that Blender starts."""

from __future__ import annotations

import argparse

from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "be the GPU process that Blender starts: JSON-RPC on standard input and output"
    add_command(commands, "worker", help_, "mosaic worker", _run)


def _run(_options: argparse.Namespace) -> int:
    from ..worker.server import main as serve

    serve()
