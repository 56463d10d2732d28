"""`mosaic train`: make the shipped weights again, or better ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command and its options."""
    train = add_command(
        commands,
        "train",
        "train the autoencoder or the model; what is there goes on where it stopped",
        "mosaic train autoencoder --data out/data --clips 2000 --out out/autoencoder --minutes 60",
        _run,
    )
    train.add_argument("what", choices=("autoencoder", "model"))
    train.add_argument("--data", type=Path, required=True, help="folder of clips, filmed where they are missing")
    train.add_argument("--clips", type=int, default=2000, help="how many (about one a second and core to film)")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoints, the log and the weights")
    train.add_argument("--autoencoder", type=Path, help="weights to train the model on; the shipped ones without")
    train.add_argument("--minutes", type=float, help="how long to train")
    train.add_argument("--steps", type=int, help="or for how many steps")
    train.add_argument("--rate", type=float, help="learning rate")
    train.add_argument("--batch", type=int, default=8, help="clips a step, for the model")
    train.add_argument("--size", choices=("xs", "s", "m"), default="xs", help="of the model")


def _run(options: argparse.Namespace) -> int:
    from ..model.transformer import SIZES
    from ..model.weights import AUTOENCODER, SHIPPED
    from ..train.loop import Plan
    from ..train.runs import Data, train_autoencoder, train_model, with_budget

    data = Data(options.data, options.clips)
    is_model = options.what == "model"
    rate = options.rate or (6e-4 if is_model else 1.5e-3)
    plan = with_budget(Plan(options.out, learning_rate=rate), steps=options.steps, minutes=options.minutes)
    if is_model:
        autoencoder = options.autoencoder or SHIPPED / AUTOENCODER
        file = train_model(data, autoencoder, plan, config=SIZES[options.size], batch=options.batch, say=_say)
    else:
        file = train_autoencoder(data, plan, say=_say)
    print(file)
    return 0


def _say(text: str) -> None:
    print(text, flush=True)
