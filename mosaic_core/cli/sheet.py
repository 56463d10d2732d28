"""`mosaic sheet`: a contact sheet of clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import MosaicError
from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "draw the same frames of one or more clips on one sheet, and what memory held of the last"
    sheet = add_command(commands, "sheet", help_, "mosaic sheet before after --out sheet.png", _run)
    sheet.add_argument("clips", type=Path, nargs="+", metavar="CLIP", help="a folder that `mosaic generate` made")
    sheet.add_argument("--frames", type=int, default=5, metavar="N", help="how many, from first to last (5)")
    sheet.add_argument("--out", type=Path, required=True, metavar="PNG")


def _run(options: argparse.Namespace) -> int:
    from ..report.contact_sheet import spread_frames, write_contact_sheet

    numbers = spread_frames(options.clips[0], options.frames)
    clips = [(folder.resolve().name, folder) for folder in options.clips]
    try:
        write_contact_sheet(clips, options.out, frame_numbers=numbers)
    except OSError as error:
        raise MosaicError(f"cannot write {options.out}: {error.strerror or error}") from error
    print(f"{options.out}: {len(numbers)} frames of {len(clips)} {'clip' if len(clips) == 1 else 'clips'}")
    return 0
