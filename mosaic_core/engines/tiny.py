"""Engine `tiny`: the video model that ships. What memory lacks it makes up, what moves it moves, prompts it follows.

A path of any length is made in chunks. Each begins with the last frames of the one before, is told what memory shows to
its cameras, and is denoised, decoded and composed with memory's own pixels. What it made up, with the depth it made
up, is remembered for the chunks that follow, so that a place looks the same when the camera comes back to it. That
memory is kept apart from the artist's, which always has the first word, and goes with the job.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..allocation import keep_freed_memory
from ..cameras import Camera, CameraPath
from ..memory import Memory
from ..memory.latent_views import latent_views
from ..memory.picture import Readout
from ..memory.placements import DYNAMIC
from ..memory.still import known_memory
from ..memory.timed_reader import TimedReader
from ..memory.writing import write
from ..model.autoencoder import STRIDE_PX, Autoencoder, rgbd_images, z_depth_of
from ..model.conditioning import FromMemory, cameras_for_model, from_memory
from ..model.denoiser import Denoiser
from ..model.dense_latents import SHIFTS, dense_latents
from ..model.device import default_device, on_device
from ..model.flow import STEPS, sample
from ..model.memory_cells import CellReader, MemoryCells
from ..model.rendered import rendered_latents
from ..model.text import word_ids
from ..model.transformer import Conditioning
from ..model.view_latents import ViewLatents, grid_for, scale_of
from ..model.weights import AUTOENCODER, MODEL, SHIPPED, load_autoencoder, load_denoiser
from . import EngineFrame, Prompt
from .chunks import Chunk, chunks_of
from .composition import compose, resized, resized_nearest
from .motion import moving_cells
from .prompting import texts_at

CHUNK, GIVEN = 6, 2  # frames at a time, of which so many are the last of the chunk before
# Cells that the model made up are remembered in every so many frames: neighbours show the same.
REMEMBER_EVERY = 2


@dataclass(frozen=True)
class TinySettings:
    """What can be turned off, so that its worth can be measured (`mosaic evaluate`)."""

    rendered_latent: bool = True
    warped_latent: bool = True
    warped_rope: bool = True
    composed: bool = True
    prope: bool = True
    movers: bool = True  # what moves is shown where it is by then
    steps: int = STEPS

    @property
    def reads_pixels(self) -> bool:
        """Whether anything is made from what memory shows in pixels."""
        return self.composed or self.rendered_latent


class PixelReader(Protocol):
    """What shows memory to a camera, in pixels: `TimedReader`, or what it is compared with."""

    def rgb(self, camera: Camera, time_s: float) -> Readout:
        """What the camera sees at that time. Safe for threads."""
        ...


class TinyEngine:
    """Loads its weights when it is first used, from a folder of both files; on a GPU where there is one."""

    stand_alone = False  # a chunk begins with the frames before it, and remembers what was made up

    def __init__(
        self,
        settings: TinySettings | None = None,
        *,
        weights: Path = SHIPPED,
        device: str | None = None,
        pixels_of: Callable[[Memory], PixelReader] = TimedReader,  # another way to show memory, to be compared
    ) -> None:
        self.settings, self.weights, self.device = settings or TinySettings(), weights, device or default_device()
        self.pixels_of = pixels_of
        self._loaded: tuple[Autoencoder, Denoiser] | None = None

    def frames(
        self,
        memory: Memory,
        path: CameraPath,
        *,
        prompts: tuple[Prompt, ...] = (),
        seed: int = 0,
        should_stop: Callable[[], bool] = lambda: False,
        indices: Sequence[int] | None = None,
        kept: Callable[[int], EngineFrame] | None = None,
    ) -> Generator[EngineFrame, None, None]:
        """See `Engine.frames`. Raises `MosaicError` for missing weights and for a memory without views."""
        keep_freed_memory()
        if self._loaded is None:
            loaded = load_autoencoder(self.weights / AUTOENCODER), load_denoiser(self.weights / MODEL)
            self._loaded = loaded[0].to(self.device), loaded[1].to(self.device)
        run = _Run(*self._loaded, memory, path, prompts, seed, self.settings, should_stop, kept)
        wanted = range(len(path)) if indices is None else indices
        chunks = list(chunks_of(wanted, count=len(path), size=CHUNK, given=GIVEN))
        # Memory is read for the frames of a chunk while the model is busy with the chunk before.
        with ThreadPoolExecutor(1) as pool:
            try:
                # What moves by itself where nobody can follow it is the model's, not memory's.
                shown = known_memory(memory) if self.settings.movers else run.reader.memory
                seen = _Seen(pool, self.pixels_of(shown), path)
                for chunk, following in zip_longest(chunks, chunks[1:]):
                    if self.settings.reads_pixels or kept is not None:
                        seen.ask(chunk, following)
                    for index, frame in zip(chunk.new, run.make(chunk, seen), strict=True):
                        yield _finished(frame, seen[index] if self.settings.composed else None, path)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


class _Seen:
    """What memory shows to each frame, in pixels: asked for ahead, read in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, reader: PixelReader, path: CameraPath) -> None:
        self._pool, self._reader, self._path = pool, reader, path
        self._asked: dict[int, Future[Readout]] = {}

    def ask(self, *chunks: Chunk | None) -> None:
        """Read for the frames of these chunks, and forget all others."""
        wanted = sorted({index for chunk in chunks if chunk is not None for index in chunk.frames})
        self._asked = {index: self._asked.get(index) or self._submit(index) for index in wanted}

    def __getitem__(self, index: int) -> Readout:
        return self._asked[index].result()

    def _submit(self, index: int) -> Future[Readout]:
        return self._pool.submit(self._reader.rgb, self._path[index], self._path.time_s(index))


@dataclass(frozen=True, eq=False)
class _Made:
    """A frame at the model's size."""

    rgb: np.ndarray  # (h, w, 3) float32
    z_depth: np.ndarray  # (h, w) float32
    unchanged: np.ndarray | None  # (h, w, 3) float32, what it would be if all were as memory has it


class _Run:
    """One path through one memory."""

    def __init__(
        self,
        autoencoder: Autoencoder,
        denoiser: Denoiser,
        memory: Memory,
        path: CameraPath,
        prompts: Sequence[Prompt],
        seed: int,
        settings: TinySettings,
        should_stop: Callable[[], bool],
        kept: Callable[[int], EngineFrame] | None,
    ) -> None:
        self.autoencoder, self.denoiser, self.device = autoencoder, denoiser, autoencoder.mean.device.type
        self.memory, self.path, self.prompts, self.seed, self.settings = memory, path, prompts, seed, settings
        self.height, self.width = grid_for(image_height=path.image_height, image_width=path.image_width)
        self.scale_m = scale_of(memory)
        size = {"height": self.height, "width": self.width, "scale_m": self.scale_m}
        self.latents = ViewLatents(autoencoder, **size)
        for view in memory.views:
            self.latents.add(view)
        self.reader = CellReader(memory)
        self.made_up = Memory.from_views([])
        self.before: dict[int, Tensor] = {}  # the last frames' latents
        self.rendered: dict[int, tuple[Tensor, Tensor]] = {}  # of the last chunk's frames: `rendered_latents`
        self.should_stop, self.kept = should_stop, kept

    @torch.no_grad()
    def make(self, chunk: Chunk, seen: _Seen) -> list[_Made]:
        """The new frames of a chunk. Raises `Cancelled` before a denoising step."""
        frames, new = list(chunk.frames), slice(len(chunk.before), len(chunk.before) + len(chunk.new))
        if self.settings.reads_pixels:
            self._render(frames, seen)
        cells = self._read(frames)
        text, pulls = texts_at(self.prompts, self.path.time_s(frames[len(frames) // 2]))
        told = self._told(frames, cells, text)
        channels = self.autoencoder.config.latent_channels
        start = torch.zeros(1, len(frames), channels, self.height, self.width, device=self.device)
        for index in (*chunk.before, *chunk.after):
            start[0, index - frames[0]] = self._given(index, seen)
        is_given = torch.tensor([index not in chunk.new for index in frames])
        with torch.autocast(self.device, torch.bfloat16):
            latents = sample(
                self.denoiser,
                told,
                given=start,
                is_given=is_given,
                # Seed 0 is no noise: what the model expects. A shot's seed has 63 bits itself.
                seed=(self.seed * 100_003 + chunk.new.start) % 2**63 if self.seed else None,
                steps=self.settings.steps,
                pulls=[(w, replace(told, words=word_ids([pulled]).to(self.device))) for w, pulled in pulls],
                stopped=self.should_stop,
            )[0]
            image = self.autoencoder.decode(latents[new]).float().clamp(0, 1).cpu()
            unchanged = self._unchanged(chunk.new)
        last = slice(max(0, new.stop - GIVEN), new.stop)
        self.before = dict(zip(frames[last], latents[last], strict=True))
        z_depth = z_depth_of(image[:, 3], self.scale_m).numpy()
        made = [
            _Made(rgb.permute(1, 2, 0).numpy(), z, same)
            for rgb, z, same in zip(image[:, :3], z_depth, unchanged, strict=True)
        ]
        self._remember(chunk.new, made, cells.taken(new), seen)
        return made

    def _unchanged(self, new: range) -> list[np.ndarray | None]:  # (h, w, 3) each
        """What memory shows to these frames, through the autoencoder; nothing where nobody asks for it."""
        if not self.settings.composed:
            return [None] * len(new)
        latents = torch.stack([self.rendered[index][0] for index in new]).to(self.device)
        return list(self.autoencoder.decode(latents)[:, :3].float().clamp(0, 1).cpu().permute(0, 2, 3, 1).numpy())

    def _given(self, index: int, seen: _Seen) -> Tensor:  # (C, h, w)
        """The latents of a frame beside those to make: made just now, or kept from an earlier clip."""
        if index in self.before:
            return self.before[index]
        assert self.kept is not None, "frames that are left out are kept"
        frame = self.kept(index)
        z_depth = frame.z_depth
        if not np.isfinite(z_depth).any():  # the clip has no depth: what memory knows of it
            z_depth = seen[index].z_depth
        size = (self.height * STRIDE_PX, self.width * STRIDE_PX)
        image = rgbd_images(resized(frame.rgb, size)[None], resized_nearest(z_depth, size)[None], self.scale_m)
        image = image.to(self.device, memory_format=torch.channels_last)
        return self.autoencoder.encode(image)[0].float()

    def _read(self, frames: list[int]) -> MemoryCells:
        """What the artist's memory shows; where it shows nothing, what was made up before."""
        cameras, times = [self.path[i] for i in frames], [self.path.time_s(i) for i in frames]
        size = {"height": self.height, "width": self.width, "times_s": times}
        cells = self.reader.read(cameras, **size)
        if not self.made_up.views:
            return cells
        second = CellReader(self.made_up).read(cameras, **size)
        return _first_of(cells, second, views=len(self.memory.views))

    def _told(self, frames: list[int], cells: MemoryCells, text: str) -> Conditioning:
        cameras = cameras_for_model([self.path[i] for i in frames], scale_m=self.scale_m)
        if not self.settings.prope:
            cameras = torch.eye(4).expand(len(frames), 4, 4)
        memory = self._from_memory(cells)
        if self.settings.rendered_latent:
            latents, share = (torch.stack(planes) for planes in zip(*(self.rendered[i] for i in frames), strict=True))
            memory = memory.with_rendered(latents, share)
        told = Conditioning(
            image_from_world=cameras[None],
            words=word_ids([text]),
            canvas=memory.canvas[None],
            canvas_share=memory.canvas_share[None],
            mosaic=memory.mosaic[None],
            mosaic_positions=memory.mosaic_positions[None],
            mosaic_valid=memory.mosaic_valid[None],
        )
        return on_device(told, self.device)

    def _from_memory(self, cells: MemoryCells) -> FromMemory:
        """Latents are asked of those views only that some cell shows."""
        used = np.unique(np.concatenate([cells.view.ravel(), cells.patch_view.ravel(), [-1]]))[1:]
        number = np.full(len(self.latents) + 1, -1, np.int32)
        number[used] = np.arange(len(used), dtype=np.int32)
        channels = self.autoencoder.config.latent_channels
        none = torch.zeros(1, channels, SHIFTS * self.height, SHIFTS * self.width)
        latents = self.latents.of(used) if len(used) else none
        renumbered = replace(cells, view=number[cells.view], patch_view=number[cells.patch_view])
        memory = from_memory(renumbered, latents)
        return memory.only(latent=self.settings.warped_latent, rope=self.settings.warped_rope)

    def _render(self, frames: list[int], seen: _Seen) -> None:
        """Encode what memory shows to these frames; those of the chunk before are still of use."""
        size = {"height": self.height, "width": self.width, "scale_m": self.scale_m}
        new = [index for index in frames if index not in self.rendered]
        found = zip(*rendered_latents(self.autoencoder, [seen[i] for i in new], **size), strict=True)
        known = self.rendered | dict(zip(new, found, strict=True))
        self.rendered = {index: known[index] for index in frames}

    def _remember(self, chunk: range, made: list[_Made], cells: MemoryCells, seen: _Seen) -> None:
        """Keep what was made up: cells that no memory showed, with their own depth. What moves there is not kept."""
        picked = [i for i in range(len(made)) if i % REMEMBER_EVERY == 0 and (cells.view[i] < 0).any()]
        if not picked:
            return
        unknown = cells.view[picked] < 0
        rgb, z_depth = np.stack([frame.rgb for frame in made]), np.stack([frame.z_depth for frame in made])
        size = {"image_height": rgb.shape[1], "image_width": rgb.shape[2]}
        cameras = [self.path[i].scaled_to(**size) for i in chunk]
        block = np.ones((1, STRIDE_PX, STRIDE_PX), bool)
        views = latent_views(
            [cameras[i] for i in picked],
            z_depth[picked],
            height=self.height,
            width=self.width,
            rgb=np.round(rgb[picked] * 255).astype(np.uint8),
            sky=np.isinf(z_depth[picked]),
            dynamic=(moving_cells(rgb, z_depth, cameras) | self._mover_cells(chunk, seen))[picked],
            valid=np.kron(unknown, block),
            times_s=[self.path.time_s(chunk[i]) for i in picked],
        )
        # Sky too only where nothing was known.
        views = [replace(v, sky=v.sky & u) for v, u in zip(views, unknown, strict=True)]
        written = write(self.made_up, views)
        self.made_up = written.memory
        kept = [picked[position] for position in written.kept_views]
        images = rgbd_images(rgb[kept], z_depth[kept], self.scale_m)
        for position, latents in zip(written.kept_views, dense_latents(self.autoencoder, images), strict=True):
            self.latents.add(views[position], latents)

    def _mover_cells(self, chunk: range, seen: _Seen) -> np.ndarray:  # (T, h, w) bool
        """Cells in which memory shows something that moves, and those beside them."""
        table = self.memory.placements
        moving = table.ids[(table.flags & DYNAMIC) != 0]
        found = np.zeros((len(chunk), self.height, self.width), bool)
        if not self.settings.movers or not self.settings.reads_pixels or not len(moving):
            return found
        for index, cells in zip(chunk, found, strict=True):
            shown = torch.from_numpy(np.isin(seen[index].placement_id, moving)).float()
            whole = functional.adaptive_max_pool2d(shown[None], cells.shape)
            cells[:] = functional.max_pool2d(whole, 3, stride=1, padding=1)[0].numpy() > 0
        return found


def _first_of(cells: MemoryCells, second: MemoryCells, *, views: int) -> MemoryCells:
    """Cells of the first memory, and where it holds nothing, of the second, whose views count on from the first's."""
    known, patch_known = cells.view >= 0, cells.patch_view >= 0
    later = np.where(second.view >= 0, second.view + views, -1)
    patch_later = np.where(second.patch_view >= 0, second.patch_view + views, -1)
    return MemoryCells(
        view=np.where(known, cells.view, later),
        source_share=np.where(known[..., None], cells.source_share, second.source_share),
        confidence=np.where(known, cells.confidence, second.confidence),
        patch_view=np.where(patch_known, cells.patch_view, patch_later),
        patch_share=np.where(patch_known[..., None], cells.patch_share, second.patch_share),
        patch_position=np.where(patch_known[..., None], cells.patch_position, second.patch_position),
    )


def _finished(made: _Made, readout: Readout | None, path: CameraPath) -> EngineFrame:
    if readout is None:
        size = (path.image_height, path.image_width)
        return EngineFrame(resized(made.rgb, size), resized_nearest(made.z_depth, size), np.zeros(size, bool))
    assert made.unchanged is not None, "who composes has it decoded"
    composed = compose(readout, made.rgb, made.z_depth, made.unchanged)
    return EngineFrame(composed.rgb, composed.z_depth, composed.from_memory)


ENGINE = TinyEngine()
