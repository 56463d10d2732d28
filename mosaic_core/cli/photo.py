"""`mosaic photo`: a memory from a single photograph."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "make a memory of one photograph, with depth from the depth head"
    example = "mosaic photo kitchen.png --cameras camera.npz --median-m 2.5 --out kitchen.mosaic"
    photo = add_command(commands, "photo", help_, example, _run)
    photo.add_argument("picture", type=Path, metavar="PICTURE")
    photo.add_argument("--cameras", type=Path, metavar="PATH", help="a camera path whose first camera took it")
    photo.add_argument("--fov-deg", type=float, default=60.0, help="horizontal, where no cameras are given")
    photo.add_argument(
        "--median-m", type=float, default=3.0, help="how far away the middle of its pixels is: one picture cannot tell"
    )
    photo.add_argument("--weights", type=Path, metavar="FILE", help="a depth head of your own (mosaic train depth)")
    photo.add_argument("--out", type=Path, required=True, metavar="FILE")


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    from ..cameras.camera import Camera, look_at
    from ..cameras.formats import Gaps, read_path
    from ..memory import save_memory
    from ..model.photo import memory_of_photo, size_of_photo
    from ..model.weights import DEPTH, SHIPPED, load_depth_head

    height, width = size_of_photo(options.picture)
    if options.cameras:
        camera = read_path(options.cameras, gaps=Gaps(image_height=height, image_width=width))[0]
    else:
        level = look_at(np.array([0.0, 0.0, 1.6]), np.array([0.0, 1.0, 1.6]))
        camera = Camera.from_fov(level, fov_deg=options.fov_deg, image_height=height, image_width=width)
    head = load_depth_head(options.weights or SHIPPED / DEPTH)
    memory = memory_of_photo(options.picture, camera, head, median_m=options.median_m)
    save_memory(memory, options.out)
    print(f"{options.out}: 1 view, {len(memory.patches)} patches")
    return 0
