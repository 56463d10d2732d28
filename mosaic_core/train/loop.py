"""The training loop that the autoencoder and the model share. One page, after nanoGPT.

A run is a number of steps, fixed when it starts, and every batch follows from the step alone: a run that is killed and
started again ends in the same bits. A budget in minutes is turned into steps once, by timing the first ones; the
number is kept in the checkpoint, so that what the run becomes does not depend on how the machine felt later.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoints import load_checkpoint, save_checkpoint

# Steps timed before a budget in minutes becomes a number of steps; the first few are slower than the rest.
TIMED_STEPS, UNTIMED_STEPS = 20, 5


@dataclass(frozen=True)
class Plan:
    """How long, how fast, and where to."""

    folder: Path
    steps: int | None = None  # or a budget in minutes
    minutes: float | None = None
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    decay_share: float = 0.4  # of all steps, at the end: down to nothing, linearly
    weight_decay: float = 0.01
    average_decay: float = 0.999
    clip_norm: float = 1.0
    save_every_s: float = 60.0
    log_every: int = 20


def learning_rate_at(step: int, steps: int, plan: Plan) -> float:
    """Warm-up, a plateau, then straight down to zero (trapezoid)."""
    warm = min(1.0, (step + 1) / max(plan.warmup_steps, 1))
    left = (steps - step) / max(plan.decay_share * steps, 1.0)
    return plan.learning_rate * min(warm, left, 1.0)


def train(
    model: nn.Module,
    loss_of: Callable[[int, float], dict[str, Tensor]],
    plan: Plan,
    *,
    say: Callable[[str], None] = print,
) -> dict[str, Tensor]:
    """Minimise `loss_of(step, share_done)["loss"]`; the running average of the parameters.

    Goes on where a checkpoint in `plan.folder` ends, saves one every minute, and writes a line of JSON to `log.jsonl`
    every few steps. The other entries of `loss_of` are only logged. Raises `MosaicError` for a foreign checkpoint.
    """
    run = _Run(model, plan, say)
    if run.steps is None:
        run.steps = _steps_for(plan, loss_of, run)
    while run.step < run.steps:
        run.take_step(loss_of)
    run.save()
    return run.average


def _steps_for(plan: Plan, loss_of: Callable[[int, float], dict[str, Tensor]], run: _Run) -> int:
    """How many steps the budget is worth, from the time of a few that leave no trace."""
    if plan.steps is not None:
        return plan.steps
    assert plan.minutes is not None, "a plan needs steps or minutes"
    for index in range(UNTIMED_STEPS + TIMED_STEPS):
        if index == UNTIMED_STEPS:
            started = time.perf_counter()
        loss_of(index, 0.0)["loss"].backward()
        run.optimizer.zero_grad(set_to_none=True)
    seconds = (time.perf_counter() - started) / TIMED_STEPS
    steps = max(1, int(60 * plan.minutes / seconds))
    run.say(f"{1000 * seconds:.0f} ms a step: {steps} steps in {plan.minutes:g} minutes")
    return steps


class _Run:
    """The moving parts."""

    def __init__(self, model: nn.Module, plan: Plan, say: Callable[[str], None]) -> None:
        self.model, self.plan, self.say = model, plan, say
        matrices = [p for p in model.parameters() if p.ndim >= 2]
        vectors = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.95))
        self.average = {name: p.detach().clone() for name, p in model.state_dict().items()}
        self.step, self.steps = 0, None
        found = load_checkpoint(plan.folder, model=model, average=self.average, optimizer=self.optimizer)
        if found:
            self.step, self.steps = found.step, int(found.facts["steps"])
            say(f"goes on at step {self.step} of {self.steps}")
        self._saved = self._logged = time.perf_counter()

    def take_step(self, loss_of: Callable[[int, float], dict[str, Tensor]]) -> None:
        assert self.steps is not None
        rate = learning_rate_at(self.step, self.steps, self.plan)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = loss_of(self.step, self.step / self.steps)
        losses["loss"].backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip_norm)
        if torch.isfinite(norm):  # one bad batch in bfloat16 must not end a night's work
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._update_average()
        if self.step % self.plan.log_every == 0:
            self._log(losses, rate, float(norm))
        if time.perf_counter() - self._saved > self.plan.save_every_s:
            self.save()

    @torch.no_grad()
    def _update_average(self) -> None:
        # Young averages forget faster, or the first steps would stay in them for long; so do those of short runs, which
        # reach back a fifth of the run at most.
        assert self.steps is not None
        decay = min(self.plan.average_decay, (1 + self.step) / (10 + self.step), max(0.0, 1 - 5 / self.steps))
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def _log(self, losses: dict[str, Tensor], rate: float, norm: float) -> None:
        now = time.perf_counter()
        ms = 1000 * (now - self._logged) / self.plan.log_every
        self._logged = now
        line = {"step": self.step, "ms": round(ms, 1), "rate": rate, "norm": round(norm, 4)}
        line |= {name: round(float(value.detach()), 6) for name, value in losses.items()}
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        with open(self.plan.folder / "log.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")
        if self.step % (10 * self.plan.log_every) == 0:
            assert self.steps is not None
            left = (self.steps - self.step) * ms / 60000
            shown = "  ".join(f"{name} {float(value.detach()):.4f}" for name, value in losses.items())
            self.say(f"step {self.step}/{self.steps}  {shown}  {ms:.0f} ms  {math.ceil(left)} min left")

    def save(self) -> None:
        facts = {"steps": self.steps, "learning_rate": self.plan.learning_rate}
        save_checkpoint(
            self.plan.folder,
            self.step,
            model=self.model,
            average=self.average,
            optimizer=self.optimizer,
            facts=facts,
        )
        self._saved = time.perf_counter()
