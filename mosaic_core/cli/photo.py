"""`mosaic photo`: a memory from a photograph, or from photographs or a video whose cameras are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MosaicError
from .command import Commands, add_command

if TYPE_CHECKING:
    from ..memory import Memory
    from ..model.depth import DepthHead


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    help_ = "make a memory of photographs, with depth from the depth head: one, or a folder or a video with its cameras"
    example = "mosaic photo kitchen.png --cameras camera.npz --median-m 2.5 --out kitchen.mosaic"
    photo = add_command(commands, "photo", help_, example, _run)
    photo.add_argument("picture", type=Path, metavar="PICTURE", help="a picture, a folder of pictures, or a video")
    cameras_help = "a camera path: its first camera took the picture, or one of its cameras each of them"
    photo.add_argument("--cameras", type=Path, metavar="PATH", help=cameras_help)
    photo.add_argument("--fov-deg", type=float, default=60.0, help="horizontal, where no cameras are given")
    photo.add_argument("--every", type=int, default=1, metavar="N", help="of a folder or a video: every Nth picture")
    photo.add_argument(
        "--median-m",
        type=float,
        default=3.0,
        help="how far away the middle of the (first) picture's pixels is: one picture cannot tell",
    )
    photo.add_argument("--weights", type=Path, metavar="FILE", help="a depth head of your own (mosaic train depth)")
    photo.add_argument("--into", type=Path, metavar="MEMORY", help="add to what this memory holds")
    photo.add_argument("--out", type=Path, required=True, metavar="FILE")


def _run(options: argparse.Namespace) -> int:
    from ..memory import open_memory, save_memory
    from ..memory.adding import added
    from ..model.photos import VIDEOS
    from ..model.weights import DEPTH, SHIPPED, load_depth_head

    several = options.picture.is_dir() or options.picture.suffix.lower() in VIDEOS
    if several and options.cameras is None:
        what = "photographs need" if options.picture.is_dir() else "a video needs"
        raise MosaicError(f"{what} the cameras that took them (--cameras): Mosaic does not find out where a camera was")
    head = load_depth_head(options.weights or SHIPPED / DEPTH)
    memory = _several(options, head) if several else _single(options, head)
    if options.into is not None:
        memory = added(open_memory(options.into), memory)
    save_memory(memory, options.out)
    views = len(memory.views)
    print(f"{options.out}: {views} {'view' if views == 1 else 'views'}, {len(memory.patches)} patches")
    return 0


def _single(options: argparse.Namespace, head: DepthHead) -> Memory:
    import numpy as np

    from ..cameras.camera import Camera, look_at
    from ..cameras.formats import Gaps, read_path
    from ..model.photo import memory_of_photo, size_of_photo

    height, width = size_of_photo(options.picture)
    if options.cameras:
        camera = read_path(options.cameras, gaps=Gaps(image_height=height, image_width=width))[0]
    else:
        level = look_at(np.array([0.0, 0.0, 1.6]), np.array([0.0, 1.0, 1.6]))
        camera = Camera.from_fov(level, fov_deg=options.fov_deg, image_height=height, image_width=width)
    return memory_of_photo(options.picture, camera, head, median_m=options.median_m)


def _several(options: argparse.Namespace, head: DepthHead) -> Memory:
    from ..cameras.formats import read_path
    from ..model.photos import memory_of_pictures, pictures_with_cameras

    pictures, count = pictures_with_cameras(options.picture, read_path(options.cameras), every=options.every)

    def told():
        for number, picture in enumerate(pictures, start=1):
            print(f"picture {number} of {count}: {picture.name}", flush=True)
            yield picture

    return memory_of_pictures(
        told(), head, median_m=options.median_m, note=lambda sentence: print(f"note     {sentence}")
    )
