"""Checkpoints: everything a run needs to go on as if it had never stopped, in two files that are never pickled.

`state.safetensors` holds the tensors of the model, of its running average and of the optimizer; `state.json` the step
and the plan. The tensors carry the step too, so that a kill between the two files is noticed, and the older pair of
files stays until the new one is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import MosaicError
from ..files import write_atomically


@dataclass(frozen=True)
class Checkpoint:
    """What `load_checkpoint` found."""

    step: int
    facts: dict[str, Any]


def save_checkpoint(
    folder: Path,
    step: int,
    *,
    model: nn.Module,
    average: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    facts: Mapping[str, Any],
) -> None:
    """Write the state of a run after `step` steps. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{key}": torch.as_tensor(value) for key, value in state.items()}
    part = folder / "state.part"
    save_file({k: t.detach().cpu().contiguous() for k, t in tensors.items()}, part, {"step": str(step)})
    os.replace(part, folder / "state.safetensors")
    write_atomically(folder / "state.json", json.dumps({"step": step, **facts}, indent=1).encode())


def load_checkpoint(
    folder: Path, *, model: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> Checkpoint | None:
    """Put a run's state back where it was, bit for bit; None where the folder holds none.

    Raises `MosaicError` for a checkpoint that is damaged or of another model.
    """
    file = folder / "state.safetensors"
    if not file.exists():
        return None
    try:
        facts = json.loads((folder / "state.json").read_text())
        with safe_open(file, "pt") as tensors:
            step = int(tensors.metadata()["step"])
            _restore(tensors, model, average, optimizer)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise MosaicError(f"{folder} holds no checkpoint of this model: {error}") from error
    # Killed between the two files: the tensors are newer, and what the plan says does not change on the way.
    facts.pop("step", None)
    return Checkpoint(step, facts)


def _restore(tensors: Any, model: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    names = list(tensors.keys())
    of = {kind: {n.split("/", 1)[1]: n for n in names if n.startswith(f"{kind}/")} for kind in ("model", "average")}
    model.load_state_dict({name: tensors.get_tensor(full) for name, full in of["model"].items()})
    for name in average:
        average[name].copy_(tensors.get_tensor(of["average"][name]))
    states: dict[int, dict[str, Tensor]] = {}
    for name in names:
        kind, _, rest = name.partition("/")
        if kind == "optimizer":
            index, key = rest.split("/")
            states.setdefault(int(index), {})[key] = tensors.get_tensor(name)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
