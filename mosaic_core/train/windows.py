"""Windows: some frames of a clip to be made, and what a memory of other frames of it shows to their cameras.

Read with the very code that reads an artist's memory, edits included, and once per clip instead of once per step: what
is kept are places in views, not latents, so windows do not depend on the autoencoder either.

The memory is damaged on the way, as real ones are: estimated depths are off by a few per cent, smoothly, and their
edges do not lie quite on the picture's. A model that met only perfect memories would copy the faults of others.
And half of the memories lie all on one side of the window in time, often some way off: a camera that goes on from
what was captured sees the edges of what is known move inwards, and beside these edges is most of what a model is for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ..cameras import Camera
from ..files import atomic_writer
from ..memory import Memory, View, edits
from ..model.autoencoder import STRIDE_PX
from ..model.memory_cells import CellReader, MemoryCells
from .arrays import arrays_in, do_all
from .clips import EDIT_FRAME, Clip, read_clip

FRAMES = 9  # of a window
EXACT_SHARE, ONE_VIEW_SHARE = 0.6, 0.2
# So many memories end before the window or begin after it, and with a gap of up to so many frames.
ONE_SIDE_SHARE, MOST_GAP = 0.5, 12
DEPTH_NOISE = 0.03
SHIFT_PX = 2


@dataclass(frozen=True, eq=False)
class Window:
    """Which frames to make, which are remembered, and what is seen of these."""

    frames: np.ndarray  # (T,) int32, of the clip
    remembered: np.ndarray  # (V,) int32, of the clip: view i of the memory is frame remembered[i]
    cells: MemoryCells  # (T, ...)


def window_of(clip: Clip, seed: tuple[int, ...]) -> Window:
    """A random window. In an edited clip it lies after the edit, and memory holds what was before, edited alike."""
    frames, remembered, memory = drawn(clip, seed)
    height, width = (side // STRIDE_PX for side in clip.rgb.shape[1:3])
    cells = CellReader(memory).read([camera_of(clip, int(f)) for f in frames], height=height, width=width)
    return Window(frames.astype(np.int32), remembered.astype(np.int32), cells)


def drawn(clip: Clip, seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, Memory]:
    """The frames of that window (T,), those that are remembered (V,), and the memory of these."""
    rng = np.random.default_rng(seed)
    count = len(clip.rgb)
    edited = str(clip.edit) != "none"
    start = int(rng.integers(EDIT_FRAME if edited else 0, count - FRAMES + 1))
    frames = np.arange(start, start + FRAMES)
    others = np.arange(EDIT_FRAME) if edited else np.setdiff1d(np.arange(count), frames)
    if rng.random() < ONE_VIEW_SHARE:
        # From a single picture: the one before the window or the edit, or the first of all.
        remembered = np.array([max(0, (EDIT_FRAME if edited else start) - 1)])
    else:
        if rng.random() < ONE_SIDE_SHARE:
            others = _on_one_side(others, frames, rng)
        size = min(int(rng.integers(2, 7)), len(others))
        remembered = np.sort(rng.choice(others, size=size, replace=False))
    memory = memory_of(clip, remembered, rng=None if rng.random() < EXACT_SHARE else rng)
    if edited:
        memory = edited_like(clip, memory)
    return frames, remembered, memory


def _on_one_side(others: np.ndarray, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Those before the frames or those after, whichever are more, without the nearest few."""
    before, after = others[others < frames[0]], others[others > frames[-1]]
    gap = int(rng.integers(0, MOST_GAP + 1))
    return before[: max(len(before) - gap, 2)] if len(before) >= len(after) else after[min(gap, len(after) - 2) :]


def camera_of(clip: Clip, frame: int) -> Camera:
    """The camera of a frame."""
    height, width = clip.rgb.shape[1:3]
    return Camera(clip.intrinsics_px[frame], clip.world_from_cam[frame], height, width)


def memory_of(
    clip: Clip, frames: np.ndarray, *, rng: np.random.Generator | None = None, start_s: float = 0.0
) -> Memory:
    """A memory of some frames of a clip, for a path that begins `start_s` into it; `rng` damages its depth."""
    names = {int(i): f"object {i}" for i in np.unique(clip.object_ids[frames]) if i}
    views = [_view(clip, int(frame), rng) for frame in frames]
    return Memory.from_views([replace(view, time_s=view.time_s - start_s) for view in views], names)


def edited_like(clip: Clip, memory: Memory) -> Memory:
    """The memory with the clip's edit made to the patches of the edited thing."""
    table = memory.placements
    ids = table.ids[memory.patches.object_id[table.rows - 1] == int(clip.edited_id)]
    if not len(ids):
        return memory
    offset = np.eye(4)
    offset[:3, 3] = clip.edit_offset_m
    kind = str(clip.edit)
    if kind == "deleted":
        return memory.edited(edits.delete(ids))
    return memory.edited(edits.copy(ids, offset) if kind == "copied" else edits.transform(ids, offset))


def window_seed(clip_file: Path, index: int) -> tuple[int, ...]:
    """Of a clip's window of that number."""
    return int(clip_file.stem.rsplit("_", 1)[1]), index, 7


def write_windows(files: list[Path], folder: Path, *, variants: int = 2, processes: int = 1) -> list[Path]:
    """A file of windows for each clip; files that are there are kept. Returns all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = [folder / file.name.replace("clip", "windows") for file in files]
    jobs = [(str(f), str(t), variants) for f, t in zip(files, targets, strict=True) if not t.exists()]
    do_all(_write, jobs, processes=processes)
    return targets


def read_window(file: Path, index: int) -> Window:
    """One of the windows of a clip. Raises `MosaicError` for a file that does not hold it."""
    with arrays_in(file, f"holds no window {index} of training data") as arrays:
        cells = MemoryCells(**{field.name: arrays[f"{index}/{field.name}"] for field in fields(MemoryCells)})
        return Window(arrays[f"{index}/frames"], arrays[f"{index}/remembered"], cells)


def _write(job: tuple[str, str, int]) -> None:
    source, target, variants = job
    clip = read_clip(Path(source))
    arrays: dict[str, np.ndarray] = {}
    for index in range(variants):
        window = window_of(clip, window_seed(Path(source), index))
        arrays |= {f"{index}/frames": window.frames, f"{index}/remembered": window.remembered}
        arrays |= {f"{index}/{field.name}": getattr(window.cells, field.name) for field in fields(MemoryCells)}
    with atomic_writer(Path(target)) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def _view(clip: Clip, frame: int, rng: np.random.Generator | None) -> View:
    z_depth, sky = clip.z_depth[frame].astype(np.float32), clip.object_ids[frame] == 0
    if rng is not None:
        z_depth = np.where(sky, np.float32(np.inf), _damaged(z_depth, rng))
    return View(
        camera=camera_of(clip, frame),
        rgb=clip.rgb[frame],
        z_depth=z_depth,
        object_ids=clip.object_ids[frame].astype(np.int32),
        dynamic=clip.dynamic[frame],
        sky=sky,
        time_s=float(clip.times_s[frame]),
    )


def _damaged(z_depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Off by a few per cent, in smooth waves, and shifted against the picture by up to two pixels."""
    height, width = z_depth.shape
    y, x = np.mgrid[0:height, 0:width] / height
    wave = np.zeros(z_depth.shape)
    for _ in range(3):
        turns = rng.normal(size=2) * 2 * np.pi
        wave += np.sin(turns[0] * x + turns[1] * y + rng.uniform(0, 2 * np.pi)) / 3
    factor = np.exp(DEPTH_NOISE * rng.random() * wave + DEPTH_NOISE * 0.5 * rng.normal())
    shift = rng.integers(-SHIFT_PX, SHIFT_PX + 1, 2)
    rolled = np.pad(z_depth, SHIFT_PX, mode="edge")
    top, left = SHIFT_PX + shift
    return (rolled[top : top + height, left : left + width] * factor).astype(np.float32)
