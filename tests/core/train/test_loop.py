"""The training loop: it learns, it stops and goes on bit for bit, and it refuses what is not its own."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.train.loop import Plan, learning_rate_at, train  # noqa: E402


class Killed(Exception):
    pass


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 1))


def loss_of(model: nn.Module, *, killed_at: int | None = None):
    def loss(step: int, share_done: float) -> dict[str, torch.Tensor]:
        if step == killed_at:
            raise Killed
        x = torch.randn(64, 4, generator=torch.Generator().manual_seed(step))
        return {"loss": ((model(x)[:, 0] - x[:, 0].sin()) ** 2).mean(), "share": torch.tensor(share_done)}

    return loss


def plan(folder, **changes) -> Plan:
    return Plan(**{"folder": folder, "steps": 40, "learning_rate": 0.01, "warmup_steps": 4, "log_every": 5, **changes})


def test_a_run_that_was_killed_ends_in_the_same_bits(tmp_path):
    whole, killed = network(), network()
    expected = train(whole, loss_of(whole), plan(tmp_path / "whole"), say=lambda text: None)
    for stop in (13, 29):
        with pytest.raises(Killed):
            train(
                killed, loss_of(killed, killed_at=stop), plan(tmp_path / "killed", save_every_s=0), say=lambda t: None
            )
        killed = network()
    average = train(killed, loss_of(killed), plan(tmp_path / "killed"), say=lambda text: None)
    for name, value in expected.items():
        assert torch.equal(value, average[name]), name
    for a, b in zip(whole.parameters(), killed.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
def test_it_learns_and_writes_down_how(tmp_path):
    model = network()
    train(model, loss_of(model), plan(tmp_path, steps=200), say=lambda text: None)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(5, 201, 5))
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]


def test_a_budget_in_minutes_becomes_steps_once(tmp_path):
    model, said = network(), []
    with pytest.raises(Killed):
        limits = {"steps": None, "minutes": 0.05, "save_every_s": 0}
        train(model, loss_of(model, killed_at=60), plan(tmp_path, **limits), say=said.append)
    steps = json.loads((tmp_path / "state.json").read_text())["steps"]
    assert f"{steps} steps in 0.05 minutes" in said[0]
    model = network()
    with pytest.raises(Killed):
        train(model, loss_of(model, killed_at=61), plan(tmp_path, steps=None, minutes=99), say=said.append)
    assert f"goes on at step 60 of {steps}" in said


def test_a_bad_batch_changes_nothing(tmp_path):
    model, good = network(), network()

    def sometimes_nan(step, share):
        losses = loss_of(model)(step, share)
        return {"loss": losses["loss"] * torch.nan} if step == 1 else losses

    train(model, sometimes_nan, plan(tmp_path, steps=2), say=lambda text: None)
    train(good, loss_of(good), plan(tmp_path / "good", steps=1, decay_share=1e-9), say=lambda text: None)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_the_rate_rises_stays_and_falls_to_nothing(tmp_path):
    rates = [learning_rate_at(step, 1000, Plan(tmp_path, learning_rate=1.0, warmup_steps=100)) for step in range(1000)]
    assert rates[0] == 0.01 and rates[99] == 1.0 and rates[599] == 1.0
    assert rates[800] == pytest.approx(0.5) and rates[999] < 0.01


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path):
    model = network()
    train(model, loss_of(model), plan(tmp_path, steps=3), say=lambda text: None)
    other = nn.Linear(4, 1)
    with pytest.raises(MosaicError, match="no checkpoint of this model"):
        train(other, loss_of(other), plan(tmp_path), say=lambda text: None)
    (tmp_path / "state.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(MosaicError, match="no checkpoint of this model"):
        train(model, loss_of(model), plan(tmp_path), say=lambda text: None)
