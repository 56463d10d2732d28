"""Trained weights: read from safetensors files in the package, or from the user's own. Nothing is ever downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ..errors import MosaicError
from .autoencoder import Autoencoder, AutoencoderConfig
from .denoiser import Denoiser
from .depth import DepthConfig, DepthHead
from .transformer import TransformerConfig

SHIPPED = Path(__file__).parent / "shipped"
AUTOENCODER, MODEL, DEPTH = "autoencoder.safetensors", "tiny.safetensors", "depth.safetensors"

_Module = TypeVar("_Module", bound=nn.Module)


def load_autoencoder(file: Path = SHIPPED / AUTOENCODER) -> Autoencoder:
    """The autoencoder, ready to use. Raises `MosaicError` for a file that does not hold one."""
    config, state = _read(file)
    autoencoder = _filled(file, lambda: Autoencoder(AutoencoderConfig(**config)), state)
    return autoencoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on CPUs


def load_denoiser(file: Path = SHIPPED / MODEL) -> Denoiser:
    """The video model, ready to use. Raises `MosaicError` for a file that does not hold one."""
    config, state = _read(file)
    return _filled(file, lambda: Denoiser(TransformerConfig(**config)), state)


def load_depth_head(file: Path = SHIPPED / DEPTH) -> DepthHead:
    """The depth head, ready to use. Raises `MosaicError` for a file that does not hold one."""
    config, state = _read(file)
    return _filled(file, lambda: DepthHead(DepthConfig(tuple(config["widths"]))), state)


def facts_of(file: Path) -> Mapping[str, Any]:
    """How weights came to be. Raises `MosaicError`."""
    try:
        with safe_open(file, "pt") as tensors:
            return json.loads(tensors.metadata()["facts"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise MosaicError(f"{file} holds no weights of ours: {error}") from error


def _read(file: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        with safe_open(file, "pt") as tensors:
            config = json.loads(tensors.metadata()["config"])
            return config, {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise MosaicError(f"{file} holds no weights of ours: {error}") from error


def _filled(file: Path, make: Any, state: dict[str, torch.Tensor]) -> Any:
    try:
        module = make()
        module.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in state.items()})
    except (RuntimeError, TypeError, ValueError) as error:
        raise MosaicError(f"{file} holds weights of another model: {str(error).splitlines()[0]}") from error
    return module.eval().requires_grad_(False)
