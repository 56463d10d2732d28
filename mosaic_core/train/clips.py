"""Clips: procedural scenes filmed and kept on disk, so that training reads pictures instead of rendering them.

A clip is an `.npz` of plain arrays. Its first frames show a scene; in an edited clip, one thing has been moved, copied
or deleted from frame `edit_frame` on, and everything that follows from that is truly rendered: shadows, what was
behind. So memory made from the first frames, edited the same way, has a true answer to be compared with.

Everything follows from the seed; `mosaic_core.train.compose` says how.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from ..files import atomic_writer
from .arrays import arrays_in, do_all
from .compose import free_half_m, random_scene
from .paths import Cameras, random_cameras
from .ray_casting import Rendered, render
from .scenes import FIRST_THING, Scene, Vector

FRAMES, FPS = 40, 8.0
# Edited clips show the original up to here, a little more than a third of the way: much of what follows is new.
EDIT_FRAME = 15
EDITS = ("none", "moved", "copied", "deleted")
SKETCH_WIDTH_PX = 64  # of the small films that tell what the cameras see
# Sky, and anything farther, in half precision.
FAR_M = 60000.0


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames of a scene with everything that is known about them."""

    rgb: np.ndarray  # (T, H, W, 3) uint8
    z_depth: np.ndarray  # (T, H, W) float16 metres, inf for sky
    object_ids: np.ndarray  # (T, H, W) uint8: 0 sky, 1 ground, 2 walls, things from 3
    dynamic: np.ndarray  # (T, H, W) bool
    intrinsics_px: np.ndarray  # (T, 3, 3) float32
    world_from_cam: np.ndarray  # (T, 4, 4) float32
    times_s: np.ndarray  # (T,) float32
    caption: np.ndarray  # () str
    edit: np.ndarray  # () str, one of EDITS
    edited_id: np.ndarray  # () int32, the object that was edited, 0 = none
    edit_offset_m: np.ndarray  # (3,) float32, where to


def make_clip(
    seed: int,
    *,
    image_height: int,
    image_width: int,
    frames: int = FRAMES,
    edited_share: float = 0.6,
    edit: str | None = None,  # one of EDITS, as far as the scene has a thing to edit; None = drawn
) -> Clip:
    """Film one scene."""
    scene = random_scene(seed)
    size = {"image_height": image_height, "image_width": image_width}
    cameras = random_cameras(scene, seed, frames=frames, fps=FPS, **size)
    rng = np.random.default_rng((seed, 2))
    unedited = rng.random() >= edited_share if edit is None else edit == "none"
    if unedited:
        return _clip(scene, cameras, _film(scene, cameras, slice(None), **size), "none", 0, np.zeros(3))
    before = _film(scene, cameras, slice(0, EDIT_FRAME), **size)
    change = random_edit(scene, cameras, rng, before=before, kind=edit)
    after = _film(change.of(scene) if change else scene, cameras, slice(EDIT_FRAME, None), **size)
    if change is None:
        return _clip(scene, cameras, _joined(before, after), "none", 0, np.zeros(3))
    edited_id, offset_m = FIRST_THING + change.index, np.array(change.offset_m)
    return _clip(scene, cameras, _joined(before, after), change.kind, edited_id, offset_m)


@dataclass(frozen=True)
class Edit:
    """What happens to a scene at `EDIT_FRAME`."""

    kind: str  # one of EDITS, but not "none"
    index: int  # of the thing in its scene
    offset_m: Vector = (0.0, 0.0, 0.0)

    def of(self, scene: Scene) -> Scene:
        """The scene afterwards."""
        if self.kind == "deleted":
            return scene.deleted(self.index)
        return getattr(scene, self.kind)(self.index, self.offset_m)


def random_edit(
    scene: Scene,
    cameras: Cameras,
    rng: np.random.Generator,
    *,
    before: Rendered | None = None,  # the frames up to the edit, where they have been rendered
    kind: str | None = None,  # one of EDITS; None = drawn
) -> Edit | None:
    """An edit that the cameras see, of a thing they have seen; None where they see too little of any."""
    if before is None:
        before = _sketch(scene, cameras, slice(0, EDIT_FRAME))
    later = _sketch(scene, cameras, slice(EDIT_FRAME, None))
    index = _most_seen_thing(scene, before, later)
    if index is None:
        return None
    kind = kind or EDITS[1 + int(rng.integers(3))]
    offset = None if kind == "deleted" else _offset_in_view(scene, cameras, index, kind, rng)
    return Edit("deleted", index) if offset is None else Edit(kind, index, offset)


def unedited_ids(seed: int, clip: Clip) -> np.ndarray:  # (T - EDIT_FRAME, H, W) uint8
    """Which object each pixel would show after the edit's frame, had there been no edit."""
    scene = random_scene(seed)
    height, width = clip.rgb.shape[1:3]
    size = {"image_height": height, "image_width": width}
    cameras = random_cameras(scene, seed, frames=len(clip.rgb), fps=FPS, **size)
    return _film(scene, cameras, slice(EDIT_FRAME, None), **size).object_ids.numpy().astype(np.uint8)


def write_clips(
    folder: Path, seeds: range, *, image_height: int = 144, image_width: int = 256, processes: int = 1
) -> list[Path]:
    """Film these scenes into a folder, a file a seed; files that are there are kept. Returns all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [clip_file(folder, seed) for seed in seeds]
    jobs = [(str(f), s, image_height, image_width) for f, s in zip(files, seeds, strict=True) if not f.exists()]
    do_all(_write_clip, jobs, processes=processes)
    return files


def clip_file(folder: Path, seed: int) -> Path:
    """What the clip of a seed is called."""
    return folder / f"clip_{seed:07d}.npz"


def save_clip(file: Path, clip: Clip) -> None:
    """A clip to disk, whole or not at all. Raises `OSError`."""
    with atomic_writer(file) as stream:
        np.savez(stream, **{field.name: getattr(clip, field.name) for field in fields(Clip)})


def read_clip(file: Path) -> Clip:
    """A clip from disk. Raises `MosaicError` for anything else."""
    with arrays_in(file, "is no clip of training data") as arrays:
        return Clip(**{field.name: arrays[field.name] for field in fields(Clip)})


def _write_clip(job: tuple[str, int, int, int]) -> None:
    name, seed, image_height, image_width = job
    save_clip(Path(name), make_clip(seed, image_height=image_height, image_width=image_width))


def _film(scene: Scene, cameras: Cameras, frames: slice, *, image_height: int, image_width: int) -> Rendered:
    return render(
        scene,
        torch.from_numpy(cameras.intrinsics_px[frames]).float(),
        torch.from_numpy(cameras.world_from_cam[frames]).float(),
        torch.from_numpy(cameras.times_s[frames]).float(),
        image_height=image_height,
        image_width=image_width,
    )


def _sketch(scene: Scene, cameras: Cameras, frames: slice) -> Rendered:
    """The same pictures, small: enough to tell what is in them."""
    intrinsics_px = cameras.intrinsics_px.copy()
    width, height = 2 * intrinsics_px[0, :2, 2]  # the principal point is the middle
    intrinsics_px[:, :2] *= SKETCH_WIDTH_PX / width
    size = {"image_height": round(SKETCH_WIDTH_PX * height / width), "image_width": SKETCH_WIDTH_PX}
    return _film(scene, replace(cameras, intrinsics_px=intrinsics_px), frames, **size)


def _joined(first: Rendered, second: Rendered) -> Rendered:
    return Rendered(*(torch.cat([getattr(first, f.name), getattr(second, f.name)]) for f in fields(Rendered)))


def _clip(scene: Scene, cameras: Cameras, film: Rendered, edit: str, edited_id: int, offset_m: np.ndarray) -> Clip:
    depth = film.z_depth.numpy()
    return Clip(
        rgb=(film.rgb.numpy() * 255 + 0.5).astype(np.uint8),
        z_depth=np.where(depth < FAR_M, depth, np.inf).astype(np.float16),
        object_ids=film.object_ids.numpy().astype(np.uint8),
        dynamic=film.dynamic.numpy(),
        intrinsics_px=cameras.intrinsics_px.astype(np.float32),
        world_from_cam=cameras.world_from_cam.astype(np.float32),
        times_s=cameras.times_s.astype(np.float32),
        caption=np.array(scene.caption),
        edit=np.array(edit),
        edited_id=np.array(edited_id, np.int32),
        edit_offset_m=offset_m.astype(np.float32),
    )


def _most_seen_thing(scene: Scene, before: Rendered, later: Rendered) -> int | None:
    """The still thing that fills most of both films, short of being a house or a hill."""

    def shares(film: Rendered) -> torch.Tensor:
        ids = film.object_ids.flatten().long()
        return torch.bincount(ids, minlength=FIRST_THING + len(scene.things)) / len(ids)

    share = torch.minimum(shares(before), shares(later))
    candidates = [
        (float(share[FIRST_THING + i]), i)
        for i, thing in enumerate(scene.things)
        if thing.name and not thing.moves and thing.name != "tree"
    ]
    largest, index = max(candidates, default=(0.0, 0))
    return index if largest > 0.002 else None


def _offset_in_view(
    scene: Scene, cameras: Cameras, index: int, kind: str, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Of a few places on the ground nearby, the one where the later cameras see most of the thing; None if none do."""
    best, best_share = None, 0.002
    seen_id = FIRST_THING + (index if kind == "moved" else len(scene.things))
    for _ in range(5):
        offset = _free_offset(scene, index, rng)
        changed = getattr(scene, kind)(index, offset)
        film = _sketch(changed, cameras, slice(EDIT_FRAME, None, 4))
        share = float((film.object_ids == seen_id).float().mean())
        if share > best_share:
            best, best_share = offset, share
    return best


def _free_offset(scene: Scene, index: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """To a place that nothing else stands on, as far as a few tries find one."""
    thing = scene.things[index]
    half_x, half_y = free_half_m(scene)
    best, best_gap = (1.0, 0.0, 0.0), -np.inf
    for _ in range(12):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 2.0)
        x, y = thing.centre[0] + distance * np.cos(angle), thing.centre[1] + distance * np.sin(angle)
        others = [t for i, t in enumerate(scene.things) if i != index]
        gap = (
            min(np.hypot(x - t.centre[0], y - t.centre[1]) - t.radius_m - thing.radius_m for t in others)
            if others
            else 1.0
        )
        if abs(x) > half_x or abs(y) > half_y:
            gap -= 5
        if gap > best_gap:
            best, best_gap = (float(x - thing.centre[0]), float(y - thing.centre[1]), 0.0), gap
    return best
