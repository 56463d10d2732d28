"""Weights on their way out: half precision, with a block of facts about how they came to be."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..model.autoencoder import AutoencoderConfig
from ..model.depth import DepthConfig
from ..model.transformer import TransformerConfig
from ..version import VERSION


def write_weights(
    tensors: Mapping[str, Tensor],
    file: Path,
    *,
    config: AutoencoderConfig | TransformerConfig | DepthConfig,
    facts: Mapping[str, Any],  # what training knows: data seeds, steps, minutes, metrics
) -> None:
    """A safetensors file in half precision with `config` and `facts` in its metadata. Raises `OSError`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {"mosaic": VERSION, "torch": torch.__version__, "hardware": hardware(), **facts}
    metadata = {"config": json.dumps(asdict(config)), "facts": json.dumps(told, sort_keys=True)}
    save_file({name: half(tensor).contiguous() for name, tensor in tensors.items()}, file, metadata)


def half(tensor: Tensor) -> Tensor:
    """In half precision, if it is a floating-point tensor."""
    return tensor.detach().cpu().to(torch.float16) if tensor.is_floating_point() else tensor.detach().cpu()


def hardware() -> str:
    """The machine in a few words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} threads of {_processor()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
