"""`blender -b shot.blend --command mosaic capture|inspect|edit|generate`: the whole job without a window.

Blender loads the .blend before it calls the command, and hands over what stands after the command's name. Everything
below the arguments is the code the panel runs; only the timer is replaced by waiting. Blender prints lines of its own
to standard output, so with `--json` the result is the one line that starts with a brace; progress and errors go to
standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import bpy

from mosaic_core.engines import ENGINE_NAMES
from mosaic_core.errors import Cancelled, MosaicError

from . import jobs
from .commands import capture, edit, generate, inspect

_EXAMPLES = """examples:
  blender -b shot.blend --command mosaic capture --cameras Left Right --size 640x360 --save
  blender -b shot.blend --command mosaic inspect --json
  blender -b shot.blend --command mosaic edit --select-object Crate --move 0 0 1.5 --save
  blender -b shot.blend --command mosaic generate --out takes/one --frames 1:48
  blender -b shot.blend --command mosaic generate --all-shots --out takes"""
CANCELLED_EXIT = 130  # as shells have it for Ctrl-C
# Where nobody watches a terminal, a line now and then is enough.
_LINE_EVERY_S = 5.0


def main(arguments: Sequence[str]) -> int:
    """Run one command on the loaded file; the exit code. Never raises."""
    try:
        options = _parser().parse_args(list(arguments))
    except SystemExit as end:  # argparse has printed its sentence or its help
        return int(end.code or 0)
    try:
        with _interruptible():
            answer = options.run(bpy.context, options, Progress())
    except (Cancelled, KeyboardInterrupt):
        print("mosaic: cancelled, nothing was kept", file=sys.stderr)
        return CANCELLED_EXIT
    except (MosaicError, OSError) as error:
        print(f"mosaic: {error}", file=sys.stderr)
        return 1
    except Exception:
        print(f"mosaic: unexpected failure\n{traceback.format_exc()}", file=sys.stderr)
        return 1
    finally:
        jobs.stop()
    print(json.dumps(answer) if options.json else _in_words(answer), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blender -b FILE.blend --command mosaic",
        description="Capture a scene into memory, edit the memory, generate video from it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, words, add_arguments in (
        ("capture", capture, "render the scene from its cameras into a memory", _capture_arguments),
        ("inspect", inspect, "say what a memory holds", _inspect_arguments),
        ("edit", edit, "move, copy, hide or delete patches", _edit_arguments),
        ("generate", generate, "make the video of the camera path", _generate_arguments),
    ):
        command = commands.add_parser(
            name,
            help=words,
            description=f"{words[0].upper()}{words[1:]}.",
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run)
        command.add_argument("--json", action="store_true", help="print the result as one line of JSON")
        add_arguments(command)
    return parser


def _capture_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--cameras", nargs="+", metavar="NAME", help="these cameras (default: as the panel is set)")
    source.add_argument("--animation", action="store_true", help="the scene's camera along the timeline")
    parser.add_argument("--every", type=int, metavar="N", help="frames between two views of --animation")
    parser.add_argument("--engine", metavar="NAME", help="BLENDER_WORKBENCH, EEVEE or CYCLES")
    parser.add_argument("--size", type=_size, metavar="WxH", help="pixels of a view, as 640x360")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the .mosaic file")
    parser.add_argument("--name", default="Memory", help="name of the memory object")
    _save_argument(parser)


def _inspect_arguments(parser: argparse.ArgumentParser) -> None:
    _memory_argument(parser)


def _edit_arguments(parser: argparse.ArgumentParser) -> None:
    _memory_argument(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--select-object", nargs="+", metavar="NAME", help="patches of these captured objects")
    which.add_argument("--select-view", nargs="+", type=int, metavar="N", help="patches of these views, from 0")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--move", nargs=3, type=float, metavar=("X", "Y", "Z"), help="by so many metres")
    what.add_argument("--copy", nargs=3, type=float, metavar=("X", "Y", "Z"), help="copy, and move the copy")
    what.add_argument("--delete", action="store_true")
    what.add_argument("--hide", action="store_true")
    what.add_argument("--reset", action="store_true", help="back to where they were captured")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the edited memory to a .mosaic file")
    _save_argument(parser)


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    _memory_argument(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the clip; with --all-shots of a folder a shot"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shot", metavar="NAME", help="this shot of the scene's list (default: the active one)")
    which.add_argument("--all-shots", action="store_true", help="every ticked shot of the list, one after another")
    parser.add_argument("--width", type=int, metavar="PX")
    parser.add_argument("--height", type=int, metavar="PX")
    parser.add_argument("--engine", choices=ENGINE_NAMES)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--prompt")
    parser.add_argument("--negative", metavar="TEXT", help="what the video shall not show")
    parser.add_argument("--camera", metavar="NAME", help="camera whose motion is the path")
    parser.add_argument("--frames", type=_frame_range, metavar="A:B", help="first and last frame, as 1:48")
    _save_argument(parser)


def _memory_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--memory", metavar="NAME", help="name of the memory object (default: the scene's)")


def _save_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", action="store_true", help="save the .blend file with the result in it")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected width x height as 640x360, got {text!r}")
    return int(width), int(height)


def _frame_range(text: str) -> tuple[int, int]:
    first, separator, last = text.partition(":")
    try:
        return int(first), int(last if separator else first)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected first:last as 1:48, got {text!r}") from None


class Progress:
    """One line on standard error that is written over on a terminal, and a line now and then elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._shown_at_s = float("-inf")

    def show(self, done: int, total: int, words: str) -> None:
        """Say how far the work is."""
        now_s = time.monotonic()
        if self._is_terminal:
            share = f"{100 * done // total:3d} % " if total else ""
            print(f"\r\x1b[K{share}{words}", end="", file=sys.stderr, flush=True)
        elif now_s - self._shown_at_s >= _LINE_EVERY_S or (total and done == total):
            self._shown_at_s = now_s
            print(words, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _in_words(answer: dict) -> str:
    words = {key.replace("_", " "): value for key, value in answer.items()}
    return "\n".join(f"{key}: {', '.join(v) if isinstance(v, list) else v}" for key, v in words.items())


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also inside Blender, which has a handler of its own for its render loop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        # A handler that was not set from Python cannot be put back by it.
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


_handles: list = []


def register() -> None:
    _handles.append(bpy.utils.register_cli_command("mosaic", main))


def unregister() -> None:
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())
