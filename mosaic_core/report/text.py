"""The report as a table for a terminal."""

from __future__ import annotations

from typing import Any

from ..memory.summary import summary_lines

_MAX_ROWS = 16


def report_lines(facts: dict[str, Any]) -> list[str]:
    """Lines for a person; of many frames those that stand out and some between."""
    lines = summary_lines(facts)
    size = facts["size"]
    on_disk = f", {size['file_mib']:.1f} MiB on disk" if "file_mib" in size else ""
    in_memory = sum(size[f"{part}_mib"] for part in ("views", "patches", "placements", "features"))
    lines.append(f"{in_memory:.1f} MiB in memory{on_disk}; {size['bytes_a_patch']:.0f} bytes a patch beside its pixels")
    if "agreement" in facts:
        lines += ["", *_agreement_lines(facts)]
    if "path" in facts:
        lines += ["", *_path_lines(facts["path"])]
    return lines


def _agreement_lines(facts: dict[str, Any]) -> list[str]:
    agreement = facts["agreement"]
    conflicts = ", ".join(f"{count} {kind}" for kind, count in facts["conflicts"].items())
    if not agreement["compared"]:
        return ["no two views see the same place"]
    double = f"double layers {agreement['double']:.1%}"
    if agreement["offset_m"]:
        double += f" ({agreement['offset_m'] * 100:.2g} cm apart)"
    lines = [
        f"views agree in {agreement['agreeing']:.1%} of {agreement['compared']} comparisons; {double}, "
        f"denied by another view {agreement['denied']:.1%}; colours differ by {agreement['colour_difference']:.3f}",
        f"conflicts that wait for a decision: {conflicts}",
        f"  {'view':20} {'patches':>8} {'so far':>8} {'new':>7} {'agree':>7} {'double':>7} {'denied':>7}",
    ]
    for line in facts["growth"]:
        shares = " ".join(f"{line[name]:7.1%}" for name in ("new", "agreeing", "double", "denied"))
        lines.append(f"  {line['name'][:20] or 'view':20} {line['patches']:8} {line['patches_so_far']:8} {shares}")
    return lines


def _path_lines(path: dict[str, Any]) -> list[str]:
    frames = path["frames"]
    mean = path["mean"]
    lines = [
        f"{path['frame_count']} frames at {path['fps']:g} a second, {len(frames)} of them looked at, "
        f"{path['image_width']}x{path['image_height']}",
        f"  {'frame':>7} {'time':>8} {'covered':>8} {'holes':>6} {'largest':>8} {'confid.':>8} {'low':>7} "
        f"{'age':>8} {'doubtful':>8} {'conflict':>8}  views",
    ]
    for frame in _standing_out(frames):
        views = ",".join(map(str, frame["views"][:8])) + ("..." if len(frame["views"]) > 8 else "")
        lines.append(
            f"  {frame['frame']:7} {frame['time_s']:6.2f} s {frame['covered']:8.1%} {frame['holes']:6} "
            f"{frame['largest_hole']:8.1%} {frame['confidence']:8.2f} {frame['low_confidence']:7.1%} "
            f"{frame['age_s']:6.1f} s {frame['doubtful']:8.1%} {frame['contested']:8.1%}  {views}"
        )
    lines.append(
        f"  {'mean':>7} {'':8} {mean['covered']:8.1%} {'':6} {'':8} {mean['confidence']:8.2f} "
        f"{mean['low_confidence']:7.1%} {mean['age_s']:6.1f} s {mean['doubtful']:8.1%} {mean['contested']:8.1%}"
    )
    worst, hole = path["worst"], path["largest_hole"]
    lines.append(f"  least covered: frame {worst['frame']} ({worst['covered']:.1%}); ")
    lines[-1] += f"largest hole: {hole['share']:.1%} of frame {hole['frame']}"
    return lines


def _standing_out(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All frames, or some spread evenly and the worst of them."""
    if len(frames) <= _MAX_ROWS:
        return frames
    step = (len(frames) - 1) / (_MAX_ROWS - 3)
    kept = {round(i * step) for i in range(_MAX_ROWS - 2)}
    for name in ("covered", "confidence"):
        kept.add(min(range(len(frames)), key=lambda i: frames[i][name]))
    return [frames[i] for i in sorted(kept)]
