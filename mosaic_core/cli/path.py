"""`mosaic path`: camera paths in other tools' formats, and likely mistakes in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import CameraError
from .command import Commands, add_command, show


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "turn a camera path into another tool's format, or look for mistakes in it"
    example = "mosaic path path.json --out cameras.txt --format realestate10k"
    path = add_command(commands, "path", help_, example, _run)
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


def _run(options: argparse.Namespace) -> int:
    from ..cameras.formats import Gaps, read_path_stating, write_path
    from ..cameras.plausibility import check_path

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
        show(facts, as_json=True)
        return 0
    print(f"{options.path}: {len(read.path)} frames, {read.format_name}")
    lines = [f"assumed  {s}" for s in read.assumed] + [f"lost     {s}" for s in lost]
    lines += [f"check    {f.sentence}" for f in findings]
    if options.check and not findings:
        lines.append("check    nothing looks wrong")
    if lines:
        print("\n".join(lines))
    return 0
