"""`mosaic splice`: two memories in one world."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EditError
from .command import Commands, add_command, show

if TYPE_CHECKING:
    from ..memory import Memory


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "put two memories into one world"
    example = "mosaic splice yard.mosaic hall.mosaic --layout left-right --align --tone --out both.mosaic"
    splice = add_command(commands, "splice", help_, example, _run)
    splice.add_argument("first", type=Path, metavar="FIRST", help="stays where it is")
    splice.add_argument("second", type=Path, metavar="SECOND")
    splice.add_argument("--out", type=Path, required=True, metavar="FILE")
    place = splice.add_argument_group("where SECOND goes (where it is, without any)")
    place.add_argument("--layout", choices=("left-right", "top-bottom"), help="beside FIRST along +X, or on top of it")
    place.add_argument("--gap", type=float, default=0.0, metavar="M", help="metres between the two")
    place.add_argument("--flip", action="store_true", help="hang the top upside down, as a reflection")
    vector: dict[str, Any] = {"nargs": 3, "type": float, "metavar": ("X", "Y", "Z")}
    place.add_argument("--move", **vector, help="by a vector in world metres, after everything else")
    place.add_argument("--turn", type=float, metavar="DEG", help="about the vertical through the middle of SECOND")
    place.add_argument(
        "--matrix", nargs=16, type=float, metavar="N", help="world from second, 4x4 by rows, and no other"
    )
    fit = splice.add_argument_group("making them fit")
    fit.add_argument("--align", action="store_true", help="same up, same ground, same scale, found in the surfaces")
    fit.add_argument("--scale", type=float, metavar="FACTOR", help="of SECOND, instead of what --align finds")
    fit.add_argument("--first-up", **vector, help="which way is up in FIRST, instead of what --align finds")
    fit.add_argument("--second-up", **vector, help="which way is up in SECOND, instead of what --align finds")
    tone_help = "show SECOND in FIRST's tone: by a gain in linear light (default), or by a curve"
    fit.add_argument("--tone", nargs="?", const="gain", choices=("gain", "curve"), help=tone_help)
    splice.add_argument("--json", action="store_true")


def _run(options: argparse.Namespace) -> int:
    from ..memory import load_memory, save_memory
    from ..memory.splice import splice
    from ..memory.tone_matching import match_tone, with_tone

    first, second = load_memory(options.first), load_memory(options.second)
    matrix, facts = _placed(first, second, options)
    both = splice(first, second, matrix)
    facts |= {"world_from_second": matrix.tolist(), "views": len(both.views), "placements": len(both.placements)}
    if options.tone is not None:
        worlds = {view.world for view in both.views[len(first.views) :]}
        match = match_tone(both, worlds, kind=options.tone)
        both = with_tone(both, worlds, match.tone)
        facts["tone"] = {
            "found": match.found,
            "pairs": match.pairs,
            "difference_before": round(match.difference_before, 4),
            "difference_after": round(match.difference_after, 4),
        }
    save_memory(both, options.out)
    show(facts if options.json else "\n".join(_lines(options.out, facts)), as_json=options.json)
    return 0


def _placed(first: Memory, second: Memory, options: argparse.Namespace) -> tuple[np.ndarray, dict[str, Any]]:
    """World from second, and what was found on the way."""
    from ..memory.splice import left_right_matrix, top_bottom_matrix

    facts: dict[str, Any] = {}
    others = (options.layout, options.turn, options.move, options.scale, options.align or None)
    if options.matrix is not None:
        if any(value is not None for value in others):
            raise EditError("--matrix says all about where the second memory goes: give it alone")
        return np.reshape(options.matrix, (4, 4)), facts
    if options.flip and options.layout != "top-bottom":
        raise EditError("--flip is for --layout top-bottom")
    matrix = _fitted(first, second, options, facts)
    if options.turn is not None:
        matrix = _turned(second, np.eye(4) if matrix is None else matrix, options.turn)
    if options.layout == "left-right":
        # Without --align, the lowest points of both are the ground.
        kept = matrix if options.align or matrix is None else _grounded(first, second, matrix)
        matrix = left_right_matrix(first, second, kept, gap_m=options.gap)
    elif options.layout == "top-bottom":
        matrix = top_bottom_matrix(first, second, matrix, gap_m=options.gap, flipped=options.flip)
    matrix = np.eye(4) if matrix is None else matrix.copy()
    if options.move is not None:
        matrix[:3, 3] += options.move
    return matrix, facts


def _fitted(first: Memory, second: Memory, options: argparse.Namespace, facts: dict[str, Any]) -> np.ndarray | None:
    """What --align and --scale say, None where neither is given."""
    from ..memory.splice_alignment import align

    if options.align:
        ups = {"first_up": options.first_up, "second_up": options.second_up}
        found = align(first, second, scale=options.scale, **ups)
        facts["alignment"] = {
            "scale": round(found.scale, 6),
            "scale_from": found.scale_from,
            "tilt_deg": round(found.tilt_deg, 3),
            "first_ground_m": round(found.first_ground.height_m, 4),
            "second_ground": round(found.second_ground.height_m, 4),
        }
        return found.world_from_second
    if options.first_up or options.second_up:
        raise EditError("--first-up and --second-up belong to --align")
    return None if options.scale is None else np.diag([options.scale] * 3 + [1.0])


def _turned(memory: Memory, matrix: np.ndarray, turn_deg: float) -> np.ndarray:
    """The matrix, then a turn about the vertical through the middle of what it places."""
    from ..cameras.rotations import rotations_of_vectors
    from ..memory.splice import extent_m

    low, high = extent_m(memory, matrix)
    turn = np.eye(4)
    turn[:3, :3] = rotations_of_vectors(np.array([0.0, 0.0, np.radians(turn_deg)]))
    turn[:3, 3] = (low + high) / 2 - turn[:3, :3] @ (low + high) / 2
    return turn @ matrix


def _grounded(first: Memory, second: Memory, matrix: np.ndarray) -> np.ndarray:
    """The matrix, then the lowest point of both on one height."""
    from ..memory.splice import extent_m

    raised = np.eye(4)
    raised[2, 3] = extent_m(first)[0][2] - extent_m(second, matrix)[0][2]
    return raised @ matrix


def _lines(file: Path, facts: dict[str, Any]) -> list[str]:
    lines = [f"{file}: {facts['views']} views, {facts['placements']} placements"]
    if "alignment" in facts:
        found = facts["alignment"]
        scaled = f"scaled by {found['scale']:.4g} ({found['scale_from']})"
        lines.append(f"aligned  tipped by {found['tilt_deg']:.2f} degrees, {scaled}")
    if "tone" in facts:
        tone = facts["tone"]
        lines.append(
            f"tone     from {tone['pairs']} pairs of colours, {tone['found']}: they differ by "
            f"{tone['difference_before']:.3f}, now by {tone['difference_after']:.3f}"
        )
    return lines
