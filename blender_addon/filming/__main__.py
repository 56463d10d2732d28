"""`python -m blender_addon.filming --assets DIR --out DIR --clips N`: films clips, in a Python with bpy and torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

LOG_NAME = "filming.log"


def main(arguments: list[str] | None = None) -> int:
    """Film; the exit code."""
    options = _parser().parse_args(arguments)
    from ..output import run_logged
    from .assets import assets_in

    log_file, check = options.out / LOG_NAME, lambda: assets_in(options.assets)
    return run_logged("blender_addon.filming", log_file, lambda say: _run(options, say), check=check)


def _parser() -> argparse.ArgumentParser:
    from .film import CYCLES_SHARE

    parser = argparse.ArgumentParser(
        prog="python -m blender_addon.filming",
        description="Compose scenes of glTF assets in Blender and film them as clips for training.",
        epilog="example: python -m blender_addon.filming --assets dungeon --out data/clips --clips 200",
    )
    parser.add_argument("--assets", type=Path, required=True, metavar="DIR", help="folder with .glb or .gltf files")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the clips")
    parser.add_argument("--clips", type=int, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="S", help="seed of the first (0)")
    parser.add_argument("--width", type=int, default=256, metavar="PX", help="of a frame (256)")
    parser.add_argument("--height", type=int, default=144, metavar="PX", help="of a frame (144)")
    parser.add_argument(
        "--cycles-share", type=float, default=CYCLES_SHARE, help=f"of clips; Workbench makes the rest ({CYCLES_SHARE})"
    )
    return parser


def _run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    from .. import register, unregister
    from .film import film_clips

    register()
    try:
        files = film_clips(
            options.out,
            options.assets,
            range(options.first_seed, options.first_seed + options.clips),
            image_height=options.height,
            image_width=options.width,
            cycles_share=options.cycles_share,
            say=say,
        )
    finally:
        unregister()
    say(f"Done: {len(files)} clips are in {options.out}")


if __name__ == "__main__":
    sys.exit(main())
