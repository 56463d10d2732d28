"""Training the depth head (`mosaic train depth`): pictures of clips against their true depth, each in its own scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..model.depth import STRIDE_PX, DepthHead, estimated_depth
from .clips import Clip, read_clip

BATCH_CLIPS, FRAMES_PER_CLIP = 4, 3
GRADIENT_WEIGHT = 1.0


class DepthLoss:
    """The loss of a step; its batch follows from the step alone."""

    def __init__(self, model: DepthHead, files: Sequence[Path], *, device: str = "cpu") -> None:
        self.model, self.files, self.device = model, list(files), device

    def __call__(self, step: int, share_done: float) -> dict[str, Tensor]:
        rng = np.random.default_rng((step, 19))
        pictures = [
            _pictures(read_clip(self.files[int(rng.integers(len(self.files)))]), rng) for _ in range(BATCH_CLIPS)
        ]
        rgb, near = (torch.from_numpy(np.concatenate(part)).to(self.device) for part in zip(*pictures, strict=True))
        with torch.autocast(self.device, torch.bfloat16):
            estimate = self.model(rgb.contiguous(memory_format=torch.channels_last)).float()
        error = estimate - near
        loss = error.abs().mean()
        for size in (1, 4):  # steps at edges, and slopes between far neighbours
            coarse = functional.avg_pool2d(error, size)
            across, down = coarse.diff(dim=3).abs().mean(), coarse.diff(dim=2).abs().mean()
            loss = loss + GRADIENT_WEIGHT * (across + down)
        return {"loss": loss, "off": error.detach().abs().mean()}


@torch.no_grad()
def depth_error(model: DepthHead, files: Sequence[Path]) -> dict[str, float]:
    """Over some clips: mean |z - true z| / true z of pixels with a depth, and the share within a quarter of the truth.

    Each estimate is first brought to the truth's median, as whoever gives the scale would.
    """
    relative, within = [], []
    for file in files:
        clip = read_clip(file)
        rgb = torch.from_numpy(clip.rgb[::8].astype(np.float32).transpose(0, 3, 1, 2) / 255)
        for picture, truth in zip(rgb, clip.z_depth[::8].astype(np.float32), strict=True):
            known = np.isfinite(truth)
            if not known.any():
                continue
            z = estimated_depth(model, picture, median_m=1.0).numpy()
            z = z * np.median(truth[known]) / np.median(z[known])
            ratio = z[known] / truth[known]
            relative.append(np.abs(np.minimum(ratio, 10) - 1).mean())
            within.append(((ratio > 0.8) & (ratio < 1.25)).mean())
    return {"abs_rel": round(float(np.mean(relative)), 4), "within_25_percent": round(float(np.mean(within)), 4)}


def relative_nearness(z_depth: np.ndarray) -> np.ndarray:  # (T, H, W) metres -> (T, H, W) in [0, 1]
    """1 / (1 + z / median z) of each picture by itself; 0 for sky."""
    z = z_depth.astype(np.float32)
    medians = [np.median(frame[np.isfinite(frame)]) if np.isfinite(frame).any() else 1.0 for frame in z]
    return 1 / (1 + z / np.array(medians, np.float32)[:, None, None])


def _pictures(clip: Clip, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # (n, 3, h, w), (n, 1, h, w)
    """Some frames, cut to whole strides, mirrored and in another light at random."""
    frames = rng.integers(len(clip.rgb), size=FRAMES_PER_CLIP)
    height, width = (side // STRIDE_PX * STRIDE_PX for side in clip.rgb.shape[1:3])
    top = int(rng.integers(clip.rgb.shape[1] - height + 1))
    rgb = clip.rgb[frames, top : top + height, :width].astype(np.float32).transpose(0, 3, 1, 2) / 255
    near = relative_nearness(clip.z_depth[frames])[:, None, top : top + height, :width]
    if rng.random() < 0.5:
        rgb, near = rgb[..., ::-1], near[..., ::-1]
    tint = rng.uniform(0.8, 1.2, (1, 3, 1, 1)).astype(np.float32)
    return np.clip(rgb ** np.float32(rng.uniform(0.7, 1.4)) * tint, 0, 1), np.ascontiguousarray(near)
