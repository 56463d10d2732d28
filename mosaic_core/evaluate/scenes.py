"""The scenes of the benchmark: filmed as the training clips were, from seeds that training never used.

Every scene is seen for some frames, which become a memory; it is edited, or something in it moves; and the camera goes
on, over places that it has seen and places that it has not. The truth is rendered, so each pixel of it is known to be
one of: seen before (revisited), touched by the edit, moving, or new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cameras import Camera, CameraPath
from ..errors import MosaicError
from ..memory import Memory
from ..memory.readout import MemoryReader
from ..sampling import grown
from ..train.arrays import do_all
from ..train.clips import EDIT_FRAME, EDITS, FPS, Clip, make_clip, read_clip, unedited_ids
from ..train.compose import random_scene
from ..train.windows import camera_of, edited_like, memory_of

FIRST_SEED = 1_000_000
FRAMES = 40
REMEMBERED = np.array([0, 3, 6, 9, 12, 14])
HEIGHT, WIDTH = 144, 256
# A point was seen before where a remembered frame has this depth there, to this share.
SAME_DEPTH = 0.02
# Pixels this near to what was seen are the first unseen band.
BAND_PX = 12
# A scene is looked for among so many seeds: not every one has a thing to edit in view, or shows what moves.
SEEDS_A_SCENE = 60
LEAST_MOVING = 0.003  # of the pixels that are to be made


@dataclass(frozen=True, eq=False)
class BenchScene:
    """A scene with its memory and everything true about the frames to be made (T, H, W, ...)."""

    seed: int
    edit: str  # one of EDITS
    caption: str
    memory: Memory  # edited as the scene was
    unedited: Memory
    path: CameraPath
    last_seen: np.ndarray  # (H, W, 3) float32, the newest remembered frame
    rgb: np.ndarray  # float32
    z_depth: np.ndarray  # float32, inf for sky
    moving: np.ndarray  # bool
    revisited: np.ndarray  # bool: seen before, still, not touched by the edit
    touched: np.ndarray  # bool: shows the edited thing, or showed it before the edit
    band: np.ndarray  # bool: not seen before, beside what was


def bench_scenes(count: int, *, first_seed: int = FIRST_SEED, processes: int = 1) -> list[BenchScene]:
    """Film scenes: in turn unedited with something that moves, and with a thing moved, copied and deleted."""
    jobs = [(first_seed + SEEDS_A_SCENE * index, EDITS[index % len(EDITS)]) for index in range(count)]
    return [_scene(*filmed) for filmed in do_all(_film, jobs, processes=processes)]


def clip_scenes(files: Sequence[Path]) -> list[BenchScene]:
    """The same of clips that are on disk, filmed elsewhere. Raises `MosaicError` for anything else."""
    clips = [read_clip(file) for file in files]
    return [_scene(index, clip, _ids_remembered(clip)) for index, clip in enumerate(clips)]


def _ids_remembered(clip: Clip) -> np.ndarray:  # (T - EDIT_FRAME, H, W)
    """Which object each pixel shows after the edit's frame, as far as the unedited memory knows; 0 elsewhere."""
    memory = memory_of(clip, REMEMBERED)
    reader, table = MemoryReader(memory), memory.placements
    objects = np.zeros(table.ids.max() + 1, clip.object_ids.dtype)
    objects[table.ids] = memory.patches.object_id[table.rows - 1]
    cameras = [camera_of(clip, frame) for frame in range(EDIT_FRAME, len(clip.rgb))]
    return np.stack([objects[reader.rgb(camera).placement_id] for camera in cameras])


def _film(job: tuple[int, str]) -> tuple[int, Clip, np.ndarray]:
    """The first of some seeds whose scene has what is wanted in the picture. Raises `MosaicError` where none has."""
    first, edit = job
    for seed in range(first, first + SEEDS_A_SCENE):
        if edit == "none" and not any(thing.moves for thing in random_scene(seed).things):
            continue
        clip = make_clip(seed, image_height=HEIGHT, image_width=WIDTH, frames=FRAMES, edit=edit)
        moving = clip.dynamic[EDIT_FRAME:].mean() if edit == "none" else 1.0
        if str(clip.edit) == edit and moving > LEAST_MOVING:
            return seed, clip, unedited_ids(seed, clip)
    raise MosaicError(f"none of the scenes {first} .. {first + SEEDS_A_SCENE - 1} has what {edit!r} needs")


def _scene(seed: int, clip: Clip, ids_before: np.ndarray) -> BenchScene:
    unedited = memory_of(clip, REMEMBERED, start_s=float(clip.times_s[EDIT_FRAME]))
    after = slice(EDIT_FRAME, None)
    z_depth, ids = clip.z_depth[after].astype(np.float32), clip.object_ids[after]
    cameras = [camera_of(clip, frame) for frame in range(EDIT_FRAME, len(clip.rgb))]
    touched = np.zeros(ids.shape, bool)
    if str(clip.edit) != "none":
        # A copy is the last thing of its scene: an id that was not there before.
        copied = ids > max(ids_before.max(), clip.object_ids[:EDIT_FRAME].max())
        was_or_is = (ids == clip.edited_id) | (ids_before == clip.edited_id)
        touched = copied if str(clip.edit) == "copied" else was_or_is
    seen = np.stack([_seen_before(clip, camera, z, i) for camera, z, i in zip(cameras, z_depth, ids, strict=True)])
    seen &= ~touched & ~clip.dynamic[after]
    return BenchScene(
        seed=seed,
        edit=str(clip.edit),
        caption=str(clip.caption),
        memory=unedited if str(clip.edit) == "none" else edited_like(clip, unedited),
        unedited=unedited,
        path=CameraPath(tuple(cameras), tuple(range(EDIT_FRAME, len(clip.rgb))), FPS),
        last_seen=clip.rgb[REMEMBERED[-1]].astype(np.float32) / 255,
        rgb=clip.rgb[after].astype(np.float32) / 255,
        z_depth=z_depth,
        moving=clip.dynamic[after],
        revisited=seen,
        touched=touched,
        band=np.stack([grown(s, BAND_PX) & ~s for s in seen]) & ~touched & ~clip.dynamic[after],
    )


def _seen_before(clip: Clip, camera: Camera, z_depth: np.ndarray, ids: np.ndarray) -> np.ndarray:  # (H, W) bool
    """Which points a remembered frame saw: same depth there, same object; sky in the same direction."""
    seen = np.zeros(z_depth.shape, bool)
    finite = np.isfinite(z_depth)
    points = camera.unproject(camera.pixel_centres(), np.where(finite, z_depth, 1e6))
    height, width = z_depth.shape
    for frame in REMEMBERED:
        uv, depth = camera_of(clip, int(frame)).project(points)
        x, y = (np.nan_to_num(uv[..., axis], nan=-1.0) for axis in (0, 1))
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        at = y.clip(0, height - 1).astype(np.intp), x.clip(0, width - 1).astype(np.intp)
        there = clip.z_depth[frame][at].astype(np.float32)
        near = np.abs(depth - np.where(np.isfinite(there), there, 0)) < SAME_DEPTH * depth
        seen |= inside & (clip.object_ids[frame][at] == ids) & np.where(finite, near, np.isinf(there))
    return seen
