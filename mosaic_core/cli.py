"""`mosaic`: the command line. Every command has an example, says in one sentence what is wrong, and exits with 0 only
when it did what was asked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import CameraError, Cancelled, MosaicError
from .version import VERSION

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
    _add_demo(commands)
    _add_generate(commands)
    _add_inspect(commands)
    _add_edit(commands)
    _add_path(commands)
    _add_bench(commands)
    _add_worker(commands)
    return parser


def _command(commands: Any, name: str, help_: str, example: str, run: Callable[..., int]) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_, description=help_, epilog=f"example: {example}")
    parser.set_defaults(run=run)
    return parser


def _add_demo(commands: Any) -> None:
    help_ = "compose a courtyard in Blender, edit its memory, make the video before and after"
    demo = _command(commands, "demo", help_, "mosaic demo --out out/demo", _demo)
    demo.add_argument("--out", type=Path, required=True, metavar="DIR")


def _demo(options: argparse.Namespace) -> int:
    # In a process of its own: the core never imports bpy, and Blender's exit cannot take this one's code with it.
    command = [sys.executable, "-m", "blender_addon.demo", "--out", str(options.out)]
    return subprocess.run(command, check=False).returncode


def _add_generate(commands: Any) -> None:
    help_ = "make the video of a camera path through a memory"
    example = "mosaic generate yard.mosaic --path path.json --out take"
    generate = _command(commands, "generate", help_, example, _generate)
    generate.add_argument("memory", type=Path, metavar="MEMORY")
    generate.add_argument("--path", type=Path, required=True, metavar="PATH.json", help="a Mosaic camera path")
    generate.add_argument("--out", type=Path, required=True, metavar="DIR")
    generate.add_argument("--engine", default="preview")
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--prompt", default="", help="what the video shows, for engines with a model")
    generate.add_argument("--json", action="store_true", help="print the clip's manifest")


def _generate(options: argparse.Namespace) -> int:
    from .generate import FrameDone, Prompt, Shot, generate

    prompts = (Prompt(options.prompt),) if options.prompt else ()
    shot = Shot(options.memory, options.path, engine=options.engine, seed=options.seed, prompts=prompts)

    def show(event: FrameDone) -> None:
        end = "\n" if event.index + 1 == event.total else "\r"
        text = f"frame {event.index + 1}/{event.total}, {event.seconds_left:.0f} s left   "
        print(text, end=end, file=sys.stderr, flush=True)

    clip = generate(shot, options.out, on_event=show if sys.stderr.isatty() else lambda event: None)
    _print(clip.manifest if options.json else f"{clip.video_file}", as_json=options.json)
    return 0


def _add_inspect(commands: Any) -> None:
    inspect = _command(commands, "inspect", "say what a memory holds", "mosaic inspect yard.mosaic --json", _inspect)
    inspect.add_argument("memory", type=Path, metavar="MEMORY")
    inspect.add_argument("--json", action="store_true")


def _inspect(options: argparse.Namespace) -> int:
    from .memory import load_memory
    from .memory.summary import summary, summary_lines

    facts = summary(load_memory(options.memory))
    _print(facts if options.json else "\n".join(summary_lines(facts)), as_json=options.json)
    return 0


def _add_edit(commands: Any) -> None:
    help_ = "move, copy, delete, hide or reset an object's patches"
    example = "mosaic edit yard.mosaic --object 'Crate Red' --move 1 0 0 --out edited.mosaic"
    edit = _command(commands, "edit", help_, example, _edit)
    edit.add_argument("memory", type=Path, metavar="MEMORY")
    edit.add_argument("--object", action="append", required=True, metavar="NAME", help="repeat for several objects")
    edit.add_argument("--out", type=Path, required=True, metavar="FILE")
    action = edit.add_mutually_exclusive_group(required=True)
    vector: dict[str, Any] = {"nargs": 3, "type": float, "metavar": ("X", "Y", "Z")}
    action.add_argument("--move", **vector, help="by a vector in world metres")
    action.add_argument("--copy", **vector, help="a copy, that far away")
    action.add_argument("--turn", type=float, metavar="DEG", help="about the vertical through the object's middle")
    action.add_argument("--scale", type=float, metavar="FACTOR", help="about the object's middle")
    for name in ("delete", "hide", "show", "reset"):
        action.add_argument(f"--{name}", action="store_true")


def _edit(options: argparse.Namespace) -> int:
    from .memory import load_memory, save_memory
    from .memory.object_edits import edit_objects

    memory = edit_objects(load_memory(options.memory), options.object, _action(options), author="command line")
    save_memory(memory, options.out)
    print(f"{options.out}: {len(memory.placements)} placements, {len(memory.edits)} edits")
    return 0


def _action(options: argparse.Namespace) -> tuple[str, Any]:
    """The one action that was asked for, and its value."""
    for name in ("move", "copy", "turn", "scale", "delete", "hide", "show", "reset"):
        value = getattr(options, name)
        if value is not None and value is not False:
            return name, value
    raise AssertionError("argparse requires one of them")


def _add_path(commands: Any) -> None:
    help_ = "turn a camera path into another tool's format, or look for mistakes in it"
    example = "mosaic path path.json --out cameras.txt --format realestate10k"
    path = _command(commands, "path", help_, example, _path)
    path.add_argument("path", type=Path, metavar="IN", help="a file, or a folder for formats of several files")
    path.add_argument("--out", type=Path, metavar="OUT", help="a file, or a folder for formats of several files")
    path.add_argument(
        "--format", default="mosaic", metavar="NAME", help="of OUT: mosaic, realestate10k, nerfstudio, colmap, ..."
    )
    path.add_argument("--from", dest="from_format", metavar="NAME", help="of IN, guessed by its content without")
    path.add_argument("--check", action="store_true", help="look for likely mistakes")
    path.add_argument("--json", action="store_true")
    known = path.add_argument_group("what IN does not say")
    known.add_argument("--fps", type=float)
    known.add_argument("--size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help="pixels")
    known.add_argument("--fov", type=float, metavar="DEG", help="horizontal field of view")


def _path(options: argparse.Namespace) -> int:
    from .cameras.formats import Gaps, read_path_stating, write_path
    from .cameras.plausibility import check_path

    if not options.out and not options.check:
        raise CameraError("say where the path goes with --out, or look for mistakes with --check")
    width, height = options.size or (None, None)
    gaps = Gaps(options.fps, height, width, options.fov)
    read = read_path_stating(options.path, options.from_format, gaps=gaps)
    findings = check_path(read.path) if options.check else ()
    lost = write_path(read.path, options.out, format=options.format).sentences if options.out else ()
    if options.json:
        facts: dict[str, Any] = {"format": read.format_name, "frames": len(read.path), "fps": read.path.fps}
        facts |= {"image_height": read.path.image_height, "image_width": read.path.image_width}
        facts |= {"assumed": read.assumed, "lost": lost}
        if options.check:
            facts["findings"] = [{"kind": f.kind, "sentence": f.sentence} for f in findings]
        _print(facts, as_json=True)
        return 0
    print(f"{options.path}: {len(read.path)} frames, {read.format_name}")
    lines = [f"assumed  {s}" for s in read.assumed] + [f"lost     {s}" for s in lost]
    lines += [f"check    {f.sentence}" for f in findings]
    if options.check and not findings:
        lines.append("check    nothing looks wrong")
    if lines:
        print("\n".join(lines))
    return 0


def _add_bench(commands: Any) -> None:
    bench = _command(commands, "bench", "measure how long things take here", "mosaic bench --json", _bench)
    bench.add_argument("--json", action="store_true")


def _bench(options: argparse.Namespace) -> int:
    from .bench import run_bench

    result = run_bench()
    if options.json:
        _print(result, as_json=True)
        return 0
    for row in result["rows"]:
        print(f"{row['name']:15} {row['median_ms']:8.1f} ms  ±{row['spread_ms']:.1f}  {row['size']}")
    print(f"{'baseline':15} {result['rows'][0]['baseline_ms']:8.1f} ms  one-pixel splats of the same views")
    return 0


def _add_worker(commands: Any) -> None:
    help_ = "be the GPU process that Blender starts: JSON-RPC on standard input and output"
    _command(commands, "worker", help_, "mosaic worker", _worker)


def _worker(_options: argparse.Namespace) -> int:
    from .worker.server import main as serve

    serve()


def _print(value: Any, *, as_json: bool) -> None:
    print(json.dumps(value, indent=1) if as_json else value)


if __name__ == "__main__":
    sys.exit(main())
