"""The rows of the benchmark: ways to make the same frames from the same memory.

All but `composed` and `preview` are the model's own output, before detail composition. The last two rows are controls:
a model that uses cameras and memory must fail where they are another scene's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..cameras import CameraPath
from ..engines import EngineFrame, Prompt
from ..engines.preview import PreviewEngine
from ..engines.tiny import TinyEngine, TinySettings
from ..memory import Memory
from ..model.autoencoder import rgbd_images
from ..model.view_latents import scale_of
from ..model.weights import load_autoencoder
from .rgb_cache import PointCache
from .scenes import BenchScene

Maker = Callable[[BenchScene, Memory, int], list[EngineFrame]]

_SETTINGS = {
    "full": TinySettings(composed=False),
    "composed": TinySettings(),
    "warped": TinySettings(composed=False, rendered_latent=False),
    "warped_rope": TinySettings(composed=False, rendered_latent=False, warped_latent=False),
    "warped_latent": TinySettings(composed=False, rendered_latent=False, warped_rope=False),
    "no_prope": TinySettings(composed=False, prope=False),
    "no_movers": TinySettings(composed=False, movers=False),
    "no_memory": TinySettings(composed=False, rendered_latent=False, warped_latent=False, warped_rope=False),
    "rendered": TinySettings(composed=False, warped_latent=False, warped_rope=False),
}
ROWS = (*_SETTINGS, "rgb_cache", "copy_last", "preview", "autoencoded", "shuffled_cameras", "shuffled_memory")
# Rows that are not asked what they make of the unedited memory.
WITHOUT_EDITS = ("shuffled_cameras", "shuffled_memory", "no_prope", "autoencoded")


@dataclass(frozen=True)
class Row:
    """A name, and how it makes the frames of a scene from one of its memories with a seed."""

    name: str
    make: Maker


def row_named(name: str, scenes: list[BenchScene]) -> Row:
    """The row of that name; `scenes` are what the shuffled controls take another's memory from."""
    if name in _SETTINGS:
        return Row(name, _engine(TinyEngine(_SETTINGS[name])))
    engine = TinyEngine(_SETTINGS["full"])
    makers: dict[str, Maker] = {
        "rgb_cache": _engine(TinyEngine(replace(_SETTINGS["rendered"], movers=False), pixels_of=PointCache)),
        "copy_last": _copy_last,
        "preview": lambda scene, memory, seed: list(PreviewEngine().frames(memory, scene.path)),
        "autoencoded": lambda scene, memory, seed: _autoencoded(scene),
        "shuffled_cameras": lambda scene, memory, seed: _frames(engine, scene, memory, _shuffled(scene.path), seed),
        "shuffled_memory": lambda scene, memory, seed: _frames(
            engine, scene, scenes[(scenes.index(scene) + 1) % len(scenes)].memory, scene.path, seed
        ),
    }
    return Row(name, makers[name])


def _engine(engine: TinyEngine) -> Maker:
    return lambda scene, memory, seed: _frames(engine, scene, memory, scene.path, seed)


def _frames(engine: TinyEngine, scene: BenchScene, memory: Memory, path: CameraPath, seed: int) -> list[EngineFrame]:
    return list(engine.frames(memory, path, prompts=(Prompt(scene.caption),), seed=seed))


def _copy_last(scene: BenchScene, memory: Memory, seed: int) -> list[EngineFrame]:
    depth, covered = np.full(scene.z_depth.shape[1:], np.inf, np.float32), np.zeros(scene.z_depth.shape[1:], bool)
    return [EngineFrame(scene.last_seen, depth, covered) for _ in scene.path]


@torch.no_grad()
def _autoencoded(scene: BenchScene) -> list[EngineFrame]:
    """The truth, through latents and back: what no model on these latents can beat, and the floor of camera errors."""
    autoencoder = load_autoencoder()
    image = rgbd_images(scene.rgb, scene.z_depth, scale_of(scene.memory))
    decoded = autoencoder.decode(autoencoder.encode(image)).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    nothing = np.zeros(scene.z_depth.shape[1:], bool)
    return [EngineFrame(picture[..., :3], z, nothing) for picture, z in zip(decoded, scene.z_depth, strict=True)]


def _shuffled(path: CameraPath) -> CameraPath:
    """The second half of the path before the first: no frame is where it was."""
    half = len(path) // 2
    return replace(path, cameras=(*path.cameras[half:], *path.cameras[:half]))
