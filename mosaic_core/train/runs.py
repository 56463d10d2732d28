"""The training runs from beginning to end: data, training, weights. `mosaic train` calls these.

What is on disk already is not made again, so a run that was stopped goes on where it was, whatever it was doing. The
last clips are kept out of training, and the weights carry what they scored on them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import MosaicError
from ..model.autoencoder import Autoencoder, AutoencoderConfig
from ..model.denoiser import Denoiser
from ..model.depth import DepthConfig, DepthHead
from ..model.device import default_device
from ..model.transformer import TransformerConfig
from ..model.weights import AUTOENCODER, DEPTH, MODEL, facts_of, load_autoencoder, load_denoiser
from .autoencoder import AutoencoderLoss, reconstruction_db
from .clips import write_clips
from .curves import draw_log, log_lines
from .depth import DepthLoss, depth_error
from .latents import latent_statistics, write_latents
from .loop import Plan, train
from .picture_metric import picture_metric
from .renderings import write_renderings
from .video import VideoLoss
from .weights import write_weights
from .windows import write_windows

HELD_OUT_SHARE = 0.02
STATISTICS_CLIPS = 64


@dataclass(frozen=True)
class Data:
    """A folder of training data: clips, and what is made from them. Raises `MosaicError` for fewer than 2 clips."""

    folder: Path
    clips: int
    first_clip: int = 0  # seeds first_clip .. first_clip + clips - 1
    image_height: int = 144
    image_width: int = 256
    processes: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self) -> None:
        if self.clips < 2:
            raise MosaicError(f"training needs at least 2 clips, got {self.clips}")
        if self.first_clip < 0:
            raise MosaicError(f"the number of the first clip is 0 or more, got {self.first_clip}")

    @property
    def seeds(self) -> range:
        """Of the clips."""
        return range(self.first_clip, self.first_clip + self.clips)

    def films(self, say: Callable[[str], None]) -> list[Path]:
        """The clips, filmed where they are missing."""
        say(f"{self.clips} clips in {self.folder / 'clips'}")
        size = {"image_height": self.image_height, "image_width": self.image_width}
        return write_clips(self.folder / "clips", self.seeds, **size, processes=self.processes)

    def split(self, files: list[Path]) -> tuple[list[Path], list[Path]]:
        """To train on, and the last ones to test on."""
        held_out = max(1, round(HELD_OUT_SHARE * len(files)))
        return files[:-held_out], files[-held_out:]


def train_autoencoder(
    data: Data, plan: Plan, *, config: AutoencoderConfig | None = None, say: Callable[[str], None] = print
) -> Path:
    """Train the autoencoder; its weights file in the plan's folder."""
    training, held_out = data.split(data.films(say))
    torch.manual_seed(0)
    model = Autoencoder(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = default_device()
    average = train(model.to(device), AutoencoderLoss(model, training, device=device), plan, say=say)
    model.load_state_dict(average)
    model.eval().to("cpu").requires_grad_(False)
    mean, std = latent_statistics(model, training[:STATISTICS_CLIPS])
    model.mean.copy_(mean)
    model.std.copy_(std)
    scores = {name: round(value, 2) for name, value in reconstruction_db(model, held_out).items()}
    return _written(model, AUTOENCODER, data, plan, scores, say)


def train_model(
    data: Data,
    autoencoder_file: Path,
    plan: Plan,
    *,
    config: TransformerConfig | None = None,
    batch: int = 8,
    compiled: bool = False,
    begin_with: Path | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Train the video model on latents of the autoencoder; its weights file in the plan's folder.

    `begin_with` are weights to go on from, with a schedule of their own; their config is taken.

    `compiled` fuses operations, which takes a C++ compiler and two minutes on CPUs; on a GPU that is always done.
    """
    autoencoder = load_autoencoder(autoencoder_file)
    clips = data.films(say)
    say("reading memories for every clip")
    windows = write_windows(clips, data.folder / "windows", processes=data.processes)
    latents = write_latents(autoencoder, clips, data.folder / "latents", say=say)
    folder, processes = data.folder / "renderings", data.processes
    renderings = write_renderings(autoencoder_file, clips, folder, processes=processes, say=say)
    training, held_out = zip(*(data.split(files) for files in (latents, windows, renderings)), strict=True)
    torch.manual_seed(0)
    channels, device = autoencoder.config.latent_channels, default_device()
    model = Denoiser(config or TransformerConfig(latent_channels=channels))
    if begin_with is not None:
        model = load_denoiser(begin_with).train().requires_grad_(True)
    metric = picture_metric(autoencoder, training[0])
    loss = VideoLoss(model.to(device), *training, metric=metric, batch=batch, device=device)
    if compiled or device == "cuda":  # one fixed shape: compiled once
        model.network.compile()
    average = train(model, loss, plan, say=say)
    model = Denoiser(model.config)  # one that is not compiled
    model.load_state_dict(average)
    score = held_out_loss(model.eval(), *held_out, metric=metric)
    began: dict[str, Any] = {"began_with": dict(facts_of(begin_with))} if begin_with is not None else {}
    return _written(model, MODEL, data, plan, score, say, began)


def train_depth(
    data: Data, plan: Plan, *, config: DepthConfig | None = None, say: Callable[[str], None] = print
) -> Path:
    """Train the depth head; its weights file in the plan's folder."""
    training, held_out = data.split(data.films(say))
    torch.manual_seed(0)
    model = DepthHead(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = default_device()
    average = train(model.to(device), DepthLoss(model, training, device=device), plan, say=say)
    model.load_state_dict(average)
    score = depth_error(model.to("cpu").eval(), held_out)
    return _written(model, DEPTH, data, plan, score, say)


@torch.no_grad()
def held_out_loss(
    model: Denoiser,
    latents: list[Path],
    windows: list[Path],
    renderings: list[Path],
    *,
    metric: Tensor | None = None,
    steps: int = 16,
) -> dict[str, float]:
    """The training loss over some batches of other clips."""
    loss = VideoLoss(model, latents, windows, renderings, metric=metric, batch=4)
    found: list[dict[str, Tensor]] = [loss(1_000_000 + step, 0.0) for step in range(steps)]
    return {name: round(float(sum(f[name] for f in found)) / steps, 4) for name in found[0]}


def with_budget(plan: Plan, *, steps: int | None, minutes: float | None) -> Plan:
    """The plan with a number of steps or minutes. Raises `MosaicError` unless it is one of the two."""
    if (steps is None) == (minutes is None):
        raise MosaicError("training takes either --steps or --minutes")
    if (steps if steps is not None else minutes or 0) <= 0:
        raise MosaicError("training takes a positive number of steps or minutes")
    return replace(plan, steps=steps, minutes=minutes)


def _written(
    model: Autoencoder | Denoiser | DepthHead,
    name: str,
    data: Data,
    plan: Plan,
    scores: dict[str, float],
    say: Callable[[str], None],
    more_facts: Mapping[str, Any] | None = None,
) -> Path:
    """The end of every run: what it scored on clips never seen, its curves, and its weights file."""
    say(f"on clips never seen: {scores}")
    draw_log(plan.folder)
    seeds = f"{data.seeds[0]} .. {data.seeds[-1]}"
    facts = {"clips": data.clips, "data_seeds": seeds, "scores": scores, **minutes_of(plan.folder)}
    facts |= more_facts or {}
    write_weights(model.state_dict(), plan.folder / name, config=model.config, facts=facts)
    return plan.folder / name


def minutes_of(folder: Path) -> dict[str, float]:
    """Steps taken and minutes they took, from the log."""
    lines = log_lines(folder)
    every = lines[0]["step"] if lines else 0
    return {
        "steps": lines[-1]["step"] if lines else 0,
        "minutes": round(sum(line["ms"] for line in lines) * every / 60000, 1),
    }
