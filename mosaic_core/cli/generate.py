"""`mosaic generate`: the video of a camera path through a memory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..engines import DEFAULT_ENGINE
from .command import Commands, add_command, show

if TYPE_CHECKING:
    from ..generate import FrameDone


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "make the video of a camera path through a memory"
    example = "mosaic generate yard.mosaic --path path.json --out take"
    generate = add_command(commands, "generate", help_, example, _run)
    generate.add_argument("memory", type=Path, metavar="MEMORY")
    generate.add_argument("--path", type=Path, required=True, metavar="PATH.json", help="a Mosaic camera path")
    generate.add_argument("--out", type=Path, required=True, metavar="DIR")
    generate.add_argument("--engine", default=DEFAULT_ENGINE)
    seed_help = "0 is what the model expects where memory is open, another number another take of it"
    generate.add_argument("--seed", type=int, default=0, metavar="N", help=seed_help)
    generate.add_argument("--prompt", default="", help="what the video shows, for engines with a model")
    generate.add_argument("--negative", default="", metavar="TEXT", help="what the video shall not show")
    earlier_help = "an earlier clip of this path: frames that no edit since can have changed are taken from it"
    generate.add_argument("--earlier", type=Path, metavar="CLIP", help=earlier_help)
    keep_help = "with --earlier, with any engine: frames that are made continue from those that are kept"
    generate.add_argument("--keep-unchanged", action="store_true", help=keep_help)
    retake_help = "make only these frames, and take all others from --earlier"
    generate.add_argument("--retake", type=frame_range, metavar="A:B", help=retake_help)
    generate.add_argument("--depth", action="store_true", help="write the depth of each frame, as EXR in metres")
    generate.add_argument("--json", action="store_true", help="print the clip's manifest")


def _run(options: argparse.Namespace) -> int:
    from ..generate import Prompt, Shot, generate

    prompts = tuple(
        Prompt(text, strength=strength)
        for text, strength in ((options.prompt, 1.0), (options.negative, -1.0))
        if text.strip()
    )
    shot = Shot(
        options.memory,
        options.path,
        engine=options.engine,
        seed=options.seed,
        prompts=prompts,
        earlier_clip=options.earlier,
        keeps_unchanged=options.keep_unchanged,
        retake=options.retake,
        depth=options.depth,
    )
    clip = generate(shot, options.out, on_event=progress)
    show(clip.manifest if options.json else f"{clip.video_file}", as_json=options.json)
    return 0


def progress(event: FrameDone) -> None:
    """Say on a terminal how far it is."""
    if sys.stderr.isatty():
        end = "\n" if event.index + 1 == event.total else "\r"
        text = f"frame {event.index + 1}/{event.total}, {event.seconds_left:.0f} s left   "
        print(text, end=end, file=sys.stderr, flush=True)


def frame_range(text: str) -> tuple[int, int]:
    """First and last frame of `12:20`, or of `12`."""
    first, separator, last = text.partition(":")
    try:
        return int(first), int(last if separator else first)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected first:last as 12:20, got {text!r}") from None
