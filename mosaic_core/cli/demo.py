"""`mosaic demo`: compose a courtyard in Blender, edit its memory, make the video before and after."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "compose a courtyard in Blender, edit its memory, make the video before and after"
    demo = add_command(commands, "demo", help_, "mosaic demo --out out/demo", _run)
    demo.add_argument("--out", type=Path, required=True, metavar="DIR")


def _run(options: argparse.Namespace) -> int:
    # In a process of its own: the core never imports bpy, and Blender's exit cannot take this one's code with it.
    command = [sys.executable, "-m", "blender_addon.demo", "--out", str(options.out)]
    return subprocess.run(command, check=False).returncode
