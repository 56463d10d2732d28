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
        "train the autoencoder, the model or the depth head; what is there goes on where it stopped",
        "mosaic train autoencoder --data out/data --clips 2000 --out out/autoencoder --minutes 60",
        _run,
    )
    train.add_argument("what", choices=("autoencoder", "model", "depth"))
    train.add_argument("--data", type=Path, required=True, help="folder of clips, filmed where they are missing")
    train.add_argument("--clips", type=int, default=2000, help="how many (about one a second and core to film)")
    train.add_argument("--first-clip", type=int, default=0, metavar="N", help="number of the first of them")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoints, the log and the weights")
    train.add_argument("--autoencoder", type=Path, help="weights to train the model on; the shipped ones without")
    train.add_argument("--begin-with", type=Path, metavar="FILE", help="weights of a model to go on from")
    train.add_argument("--minutes", type=float, help="how long to train")
    train.add_argument("--steps", type=int, help="or for how many steps")
    train.add_argument("--rate", type=float, help="learning rate")
    train.add_argument("--batch", type=int, default=8, help="clips a step, for the model")
    train.add_argument("--compile", action="store_true", help="fuse the model's operations; needs a C++ compiler")
    train.add_argument("--size", choices=("xs", "s", "m"), default="xs", help="of the model")


def _run(options: argparse.Namespace) -> int:
    from ..model.transformer import SIZES
    from ..model.weights import AUTOENCODER, SHIPPED
    from ..train.loop import Plan
    from ..train.runs import Data, train_autoencoder, train_depth, train_model, with_budget

    data = Data(options.data, options.clips, options.first_clip)
    rate = options.rate or {"autoencoder": 1.5e-3, "model": 5e-4, "depth": 1e-3}[options.what]
    plan = with_budget(Plan(options.out, learning_rate=rate), steps=options.steps, minutes=options.minutes)
    if options.what == "model":
        autoencoder, size = options.autoencoder or SHIPPED / AUTOENCODER, SIZES[options.size]
        how = {"batch": options.batch, "compiled": options.compile, "begin_with": options.begin_with}
        file = train_model(data, autoencoder, plan, config=size, **how, say=_say)
    else:
        file = (train_autoencoder if options.what == "autoencoder" else train_depth)(data, plan, say=_say)
    print(file)
    return 0


def _say(text: str) -> None:
    print(text, flush=True)
