"""Where models run and train: on the first GPU where there is one."""

from __future__ import annotations

from dataclasses import fields, replace

import torch

from .transformer import Conditioning


def default_device() -> str:
    """`cuda` or `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def on_device(told: Conditioning, device: str) -> Conditioning:
    """All tensors there."""
    return replace(told, **{f.name: getattr(told, f.name).to(device) for f in fields(Conditioning)})
