"""`mosaic path`: camera paths in other tools' formats, retimed, moved, and looked over for likely mistakes."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CameraError
from .command import Commands, add_command, show

if TYPE_CHECKING:
    from ..cameras import CameraPath


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "turn a camera path into another tool's format, retime or move it, or look for mistakes in it"
    example = "mosaic path path.json --out cameras.txt --format realestate10k"
    path = add_command(commands, "path", help_, example, _run)
    path.add_argument(
        "path", type=Path, nargs="?", metavar="IN", help="a file, or a folder for formats of several files"
    )
    path.add_argument("--out", type=Path, metavar="OUT", help="a file, or a folder for formats of several files")
    names = "of OUT: mosaic, realestate10k, nerfstudio, colmap, ...; `--format list` names them all"
    path.add_argument("--format", default="mosaic", metavar="NAME", help=names)
    path.add_argument("--from", dest="from_format", metavar="NAME", help="of IN, guessed by its content without")
    path.add_argument("--check", action="store_true", help="look for likely mistakes")
    path.add_argument("--scene", type=Path, metavar="MEMORY", help="the scene the path is for: --check then sees more")
    path.add_argument("--json", action="store_true")
    known = path.add_argument_group("what IN does not say")
    known.add_argument("--fps", type=float)
    known.add_argument("--size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help="pixels")
    known.add_argument("--fov", type=float, metavar="DEG", help="horizontal field of view")
    known.add_argument("--distance", type=float, metavar="M", help="from the first camera to what it circles")
    known.add_argument("--camera", metavar="NAME", help="which camera, where the file holds several")
    _add_changes(path.add_argument_group("changes, made in this order"))


def _add_changes(changes: Any) -> None:
    changes.add_argument("--only", type=int, nargs=2, metavar=("FIRST", "LAST"), help="these frames of it")
    pixels_help = "that many a frame, over the same field of view"
    changes.add_argument("--pixels", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help=pixels_help)
    scale = changes.add_mutually_exclusive_group()
    scale.add_argument("--scale", type=float, metavar="FACTOR", help="all distances times FACTOR")
    scale.add_argument(
        "--length",
        type=float,
        nargs=2,
        metavar=("MEASURED", "METRES"),
        help="scale by a known length: it is METRES long",
    )
    anchor_help = "the path's world becomes the frame of this frame's camera, or with --onto that camera stands there"
    changes.add_argument("--anchor", type=int, metavar="FRAME", help=anchor_help)
    changes.add_argument("--onto", type=Path, metavar="PATH", help="the path whose first camera the anchor stands on")
    changes.add_argument("--smooth", type=float, metavar="SECONDS", help="take out shake shorter than that")
    changes.add_argument("--even", action="store_true", help="the same way at one speed")
    count = changes.add_mutually_exclusive_group()
    count.add_argument("--resample", type=float, metavar="FPS", help="that many frames a second, over the same time")
    count.add_argument("--frames", type=int, metavar="N", help="the same way in N frames")
    shape = {"type": float, "default": 0.0, "metavar": "-1..1"}
    for name, what in (("tension", "1 = straight lines"), ("continuity", "-1 = corners"), ("bias", "1 = overshoot")):
        changes.add_argument(f"--{name}", **shape, help=f"of the spline between frames, {what}")


def _run(options: argparse.Namespace) -> int:
    from ..cameras.formats import ABOUT_FORMATS, Gaps, read_path_stating, write_path
    from ..cameras.plausibility import check_path

    if options.format == "list":
        show("\n".join(f"{name:16} {about}" for name, about in ABOUT_FORMATS.items()), as_json=False)
        return 0
    if options.path is None:
        raise CameraError("say which camera path to read")
    if not options.out and not options.check:
        raise CameraError("say where the path goes with --out, or look for mistakes with --check")
    width, height = options.size or (None, None)
    gaps = Gaps(options.fps, height, width, options.fov, options.distance, options.camera)
    read = read_path_stating(options.path, options.from_format, gaps=gaps)
    path = _changed(read.path, options)
    findings = check_path(path, _bounds(options.scene)) if options.check else ()
    lost = write_path(path, options.out, format=options.format).sentences if options.out else ()
    if options.json:
        facts: dict[str, Any] = {"format": read.format_name, "frames": len(path), "fps": path.fps}
        facts |= {"image_height": path.image_height, "image_width": path.image_width}
        facts |= {"assumed": read.assumed, "lost": lost}
        if options.check:
            facts["findings"] = [asdict(finding) for finding in findings]
        show(facts, as_json=True)
        return 0
    changed = f", {len(path)} frames at {path.fps:g} a second now" if len(path) != len(read.path) else ""
    print(f"{options.path}: {len(read.path)} frames, {read.format_name}{changed}")
    lines = [f"assumed  {s}" for s in read.assumed] + [f"lost     {s}" for s in lost]
    lines += [f"check    {f.sentence}" for f in findings]
    if options.check and not findings:
        lines.append("check    nothing looks wrong")
    if lines:
        print("\n".join(lines))
    return 0


def _changed(path: CameraPath, options: argparse.Namespace) -> CameraPath:
    """The path after the changes that were asked for, in the order of the help."""
    from ..cameras.placing import scale_of_length, scaled
    from ..cameras.resample import at_rate, part_of, smoothed, with_count, with_even_speed
    from ..cameras.spline import Shape

    shape = Shape(options.tension, options.continuity, options.bias)
    if options.only is not None:
        path = part_of(path, *options.only)
    if options.pixels is not None:
        width, height = options.pixels
        path = path.scaled_to(image_height=height, image_width=width)
    if options.scale is not None:
        path = scaled(path, options.scale)
    if options.length is not None:
        path = scaled(path, scale_of_length(*options.length))
    path = _anchored(path, options)
    if options.smooth is not None:
        path = smoothed(path, options.smooth)
    if options.even:
        path = with_even_speed(path, options.frames, shape=shape)
    elif options.frames is not None:
        path = with_count(path, options.frames, shape=shape)
    return path if options.resample is None else at_rate(path, options.resample, shape=shape)


def _anchored(path: CameraPath, options: argparse.Namespace) -> CameraPath:
    from ..cameras.formats import read_path
    from ..cameras.placing import anchored

    if options.anchor is None and options.onto is None:
        return path
    frame = path.frame_numbers[0] if options.anchor is None else options.anchor
    if frame not in path.frame_numbers:
        first, last = path.frame_numbers[0], path.frame_numbers[-1]
        raise CameraError(f"the path has no frame {frame}, it goes from {first} to {last}")
    target = None if options.onto is None else read_path(options.onto)[0].world_from_cam
    return anchored(path, target, index=path.frame_numbers.index(frame))


def _bounds(memory_file: Path | None) -> Any:
    if memory_file is None:
        return None
    from ..memory import load_memory
    from ..memory.splice import extent_m

    return extent_m(load_memory(memory_file))
