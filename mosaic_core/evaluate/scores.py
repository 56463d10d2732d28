"""What is measured of a row, and how: the definitions that `docs/evaluate.md` explains.

Every PSNR is of the mean squared error over all pixels of a kind in all frames of a scene, then averaged over scenes;
so are the others. Scenes without such pixels do not count.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from ..engines.motion import residual_motion
from ..model.autoencoder import Autoencoder, rgbd_images
from ..model.view_latents import scale_of
from .metrics import dynamic_score, frechet_distance, gradient_distance, psnr, ssim
from .registration import camera_error
from .rows import WITHOUT_EDITS, Row
from .scenes import BenchScene

SEED = 0  # what the model expects
# Registration is the slowest of all, and errors of neighbouring frames are alike.
REGISTER_EVERY = 6
DRIFT_FRAMES = 6  # at both ends
FEATURE_GRID = 3


@dataclass(frozen=True)
class Scored:
    """A row's averages, and what its pictures were for the page."""

    metrics: dict[str, float | None]
    last_frames: dict[int, np.ndarray]  # (H, W, 3) by scene seed


def score_row(row: Row, scenes: list[BenchScene], autoencoder: Autoencoder) -> Scored:
    """Make every scene's frames and measure them."""
    found: dict[str, list[float]] = {}
    features: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    pictures: dict[int, np.ndarray] = {}
    seconds = frames_made = 0.0
    for scene in scenes:
        started = time.perf_counter()
        frames = row.make(scene, scene.memory, SEED)
        seconds, frames_made = seconds + time.perf_counter() - started, frames_made + len(frames)
        rgb = np.stack([frame.rgb for frame in frames])
        scores = {**picture_scores(scene, rgb), **motion_scores(scene, rgb)}
        if scene.edit != "none" and row.name not in WITHOUT_EDITS:
            plain = np.stack([frame.rgb for frame in row.make(scene, scene.unedited, SEED)])
            scores[f"edit_psnr_{scene.edit}"] = video_psnr(rgb, scene.rgb, scene.touched)
            scores[f"unedited_psnr_{scene.edit}"] = video_psnr(plain, scene.rgb, scene.touched)
        for name, value in scores.items():
            found.setdefault(name, []).append(value)
        for index, video in enumerate((rgb, scene.rgb)):
            features[index].append(latent_features(autoencoder, video, scene))
        pictures[scene.seed] = rgb[-1]
    metrics = {name: _mean(values) for name, values in found.items()}
    metrics["frechet"] = frechet_distance(*(np.concatenate(f) for f in features))
    metrics["seconds_per_frame"] = seconds / frames_made
    known = {name: round(float(v), 4) if np.isfinite(v) else None for name, v in metrics.items()}
    return Scored(known, pictures)


def picture_scores(scene: BenchScene, rgb: np.ndarray) -> dict[str, float]:
    """Likeness to the truth: revisited, first unseen band, everything, and how it changes along the path."""
    seen = [
        video_psnr(rgb[part], scene.rgb[part], scene.revisited[part])
        for part in (slice(DRIFT_FRAMES), slice(-DRIFT_FRAMES, None))
    ]
    pairs = list(zip(rgb[::3], scene.rgb[::3], scene.revisited[::3], strict=True))
    return {
        "psnr_revisit": video_psnr(rgb, scene.rgb, scene.revisited),
        "ssim_revisit": _mean([ssim(*pair) for pair in pairs]),
        "gradient_revisit": _mean([gradient_distance(*pair) for pair in pairs]),
        "psnr_band": video_psnr(rgb, scene.rgb, scene.band),
        "psnr_moving": video_psnr(rgb, scene.rgb, scene.moving),
        "psnr_all": video_psnr(rgb, scene.rgb, np.ones(scene.revisited.shape, bool)),
        "drift_db": seen[0] - seen[1],
    }


def video_psnr(rgb: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:  # (T, H, W, 3) twice, (T, H, W)
    """PSNR over the masked pixels of all frames; nan where there are none."""
    width = mask.shape[-1]
    return psnr(rgb.reshape(-1, width, 3), truth.reshape(-1, width, 3), mask.reshape(-1, width))


def motion_scores(scene: BenchScene, rgb: np.ndarray) -> dict[str, float]:
    """Camera error and the dynamic score."""
    errors, ours, truths, moving = [], [], [], []
    for index in range(0, len(rgb), REGISTER_EVERY):
        still = ~scene.moving[index]
        errors.append(camera_error(rgb[index], scene.rgb[index], scene.z_depth[index], scene.path[index], valid=still))
    for index in range(0, len(rgb) - 1, 2):
        if not scene.moving[index].any():
            continue
        pair = slice(index, index + 2)
        geometry = (scene.z_depth[pair], (scene.path[index], scene.path[index + 1]))
        ours.append(residual_motion(rgb[pair], *geometry))
        truths.append(residual_motion(scene.rgb[pair], *geometry))
        moving.append(scene.moving[index])
    dynamic = dynamic_score(np.stack(ours), np.stack(truths), np.stack(moving)) if ours else np.nan
    return {
        "rot_err_deg": float(np.median([e.rotation_deg for e in errors])),
        "trans_err": float(np.nanmedian([e.translation for e in errors])),
        "registered": float(np.mean([e.converged for e in errors])),
        "dynamic": dynamic,
    }


@torch.no_grad()
def latent_features(autoencoder: Autoencoder, rgb: np.ndarray, scene: BenchScene) -> np.ndarray:  # (T, d)
    """The feature space of the Fréchet distance: our encoder's latents, averaged over a 3x3 grid of the picture.

    Depth is the truth's for every row, so that only colours are compared.
    """
    latents = autoencoder.encode(rgbd_images(rgb, scene.z_depth, scale_of(scene.memory)))
    return torch.nn.functional.adaptive_avg_pool2d(latents, FEATURE_GRID).flatten(1).numpy()


def _mean(values: list[float]) -> float:
    """Of those that are finite; nan where none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan
