"""`mosaic bench`: how long things take here."""

from __future__ import annotations

import argparse

from .command import Commands, add_command, show


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    bench = add_command(commands, "bench", "measure how long things take here", "mosaic bench --json", _run)
    bench.add_argument("--only", action="append", default=[], metavar="GROUP", help="repeat for several; all without")
    bench.add_argument("--json", action="store_true")


def _run(options: argparse.Namespace) -> int:
    from ..bench import run_bench

    result = run_bench(only=options.only)
    if options.json:
        show(result, as_json=True)
        return 0
    print(f"{'':16} {'median':>10}  {'spread':>8}  {'baseline':>11}")
    for row in result["rows"]:
        figures = f"{row['median_ms']:8.1f} ms  ±{row['spread_ms']:7.1f}  {row['baseline_ms']:8.1f} ms"
        print(f"{row['name']:16} {figures}  {row['size']}")
    return 0
