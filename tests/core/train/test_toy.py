"""A toy of the whole pipeline: film, train the autoencoder, train the model, and let the engine make frames with both.

Two layers, clips of 32x64 pixels, a few steps: nothing here is worth looking at, but every part meets its neighbours.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from mosaic_core.cameras import CameraPath  # noqa: E402
from mosaic_core.cli import main  # noqa: E402
from mosaic_core.engines import Prompt  # noqa: E402
from mosaic_core.engines.tiny import TinyEngine, TinySettings  # noqa: E402
from mosaic_core.errors import Cancelled, MosaicError  # noqa: E402
from mosaic_core.generate.shot import MAX_SEED  # noqa: E402
from mosaic_core.memory import Memory, edits  # noqa: E402
from mosaic_core.model.autoencoder import AutoencoderConfig  # noqa: E402
from mosaic_core.model.depth import DepthConfig, estimated_depth  # noqa: E402
from mosaic_core.model.transformer import TransformerConfig  # noqa: E402
from mosaic_core.model.weights import AUTOENCODER, MODEL, facts_of, load_depth_head  # noqa: E402
from mosaic_core.train.clips import read_clip  # noqa: E402
from mosaic_core.train.curves import draw_log, log_lines  # noqa: E402
from mosaic_core.train.loop import Plan  # noqa: E402
from mosaic_core.train.runs import Data, train_autoencoder, train_depth, train_model  # noqa: E402

from ..known_scenes import RED, camera_at, placements_of, room_memory  # noqa: E402

AUTOENCODER_CONFIG = AutoencoderConfig(latent_channels=4, width=8, decoder_width=8, blocks=1)
MODEL_CONFIG = TransformerConfig(latent_channels=4, dim=32, layers=2, heads=1, mlp_ratio=2, max_frames=6)
STEPS = 12


class Killed(Exception):
    pass


def quiet(text: str) -> None:
    pass


def plan(folder: Path, *, steps: int = STEPS) -> Plan:
    return Plan(folder, steps=steps, learning_rate=0.01, warmup_steps=2, log_every=1, save_every_s=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    return Data(tmp_path_factory.mktemp("data"), 4, image_height=32, image_width=64, processes=1)


def train_toy(data: Data, folder: Path, *, say=quiet) -> Path:
    return train_model(data, data.folder / AUTOENCODER, plan(folder), config=MODEL_CONFIG, batch=2, say=say)


@pytest.fixture(scope="module")
def weights(data, tmp_path_factory) -> Path:
    """A folder with both files."""
    folder = tmp_path_factory.mktemp("weights")
    file = train_autoencoder(data, plan(folder / "autoencoder", steps=4), config=AUTOENCODER_CONFIG, say=quiet)
    for to in (folder, data.folder):
        shutil.copy(file, to / AUTOENCODER)
    shutil.copy(train_toy(data, folder / "model"), folder / MODEL)
    return folder


@pytest.fixture(scope="module")
def memory() -> Memory:
    memory = room_memory(((-1.0, -5.0, 1.8), (0.5, -5.0, 2.0)), height=64, width=96)
    return memory.edited(edits.translate(placements_of(memory, RED), (0.8, 0.0, 0.0)))


@pytest.fixture(scope="module")
def path() -> CameraPath:
    """Eight frames, past what memory knows: two chunks."""
    cameras = [camera_at((0.4 * i - 1, -4.8, 1.8), (0.9 * i - 1, 1.5, 0.5), height=36, width=64) for i in range(8)]
    return CameraPath(tuple(cameras), tuple(range(8)), 8.0)


def film(weights: Path, memory: Memory, path: CameraPath, *, settings=None, prompts=(), seed=0) -> np.ndarray:
    """(T, H, W, 3) and, behind the last axis, depth and whether memory's own pixel was kept."""
    frames = list(TinyEngine(settings, weights=weights).frames(memory, path, prompts=prompts, seed=seed))
    assert len(frames) == len(path)
    return np.stack([np.concatenate([f.rgb, f.z_depth[..., None], f.covered[..., None]], -1) for f in frames])


def test_a_run_says_what_it_did(weights):
    for name, steps, parts in (("autoencoder", 4, {"rgb_db", "near_db"}), ("model", STEPS, {"known", "unknown"})):
        folder = weights / name
        assert [line["step"] for line in log_lines(folder)] == list(range(1, steps + 1))
        assert (folder / "log.png").read_bytes().startswith(b"\x89PNG")
        facts = facts_of(weights / {"autoencoder": AUTOENCODER, "model": MODEL}[name])
        assert facts["clips"] == 4 and facts["data_seeds"] == "0 .. 3" and facts["steps"] == steps
        assert parts <= facts["scores"].keys() and all(np.isfinite(v) for v in facts["scores"].values())


def test_a_run_can_take_other_clips(tmp_path):
    data = Data(tmp_path, 2, 7, image_height=32, image_width=64, processes=1)
    assert [file.stem for file in data.films(quiet)] == ["clip_0000007", "clip_0000008"]
    with pytest.raises(MosaicError, match="number of the first clip"):
        Data(tmp_path, 2, -1)


def test_a_run_that_was_killed_ends_in_the_same_bits(data, weights, tmp_path):
    said = []

    def killing(text: str) -> None:
        if text.startswith("step 10/"):
            raise Killed

    with pytest.raises(Killed):
        train_toy(data, tmp_path, say=killing)
    assert not (tmp_path / MODEL).exists()
    train_toy(data, tmp_path, say=said.append)
    assert f"goes on at step 9 of {STEPS}" in said
    for name in (MODEL, "state.safetensors"):
        whole, resumed = load_file(weights / "model" / name), load_file(tmp_path / name)
        assert whole.keys() == resumed.keys()
        assert all(torch.equal(whole[key], resumed[key]) for key in whole), name
    assert all(torch.isfinite(value).all() for value in whole.values())


def test_a_run_begins_with_other_weights(data, weights, tmp_path):
    begun = train_model(data, data.folder / AUTOENCODER, plan(tmp_path, steps=1), begin_with=weights / MODEL, say=quiet)
    before, after, fresh = (load_file(f) for f in (weights / MODEL, begun, weights / "model" / MODEL))
    assert before.keys() == after.keys() and facts_of(begun)["began_with"] == facts_of(weights / MODEL)
    name = "network.embed.weight"
    assert torch.equal(before[name], fresh[name])
    assert 0 < (before[name] - after[name]).abs().max() < 0.02, "one step away"


def test_the_engine_makes_frames_that_follow_from_the_seed_alone(weights, memory, path):
    first, again, other = (film(weights, memory, path, seed=seed) for seed in (0, 0, 1))
    rgb, depth, kept = first[..., :3], first[..., 3], first[..., 4] > 0
    assert rgb.shape == (8, 36, 64, 3) and np.isfinite(rgb).all() and rgb.min() >= 0 and rgb.max() <= 1
    assert (depth > 0).all() and not kept.all()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_the_models_own_frames_change_with_the_edit_the_words_and_each_kind_of_alignment(weights, memory, path):
    plain = TinySettings(composed=False, steps=1)
    own = film(weights, memory, path, settings=plain)[..., :3]
    assert np.isfinite(own).all() and own.min() >= 0 and own.max() <= 1
    others = {
        "undone": film(weights, memory.undo(), path, settings=plain),
        "prompt": film(weights, memory, path, settings=plain, prompts=(Prompt("a red ball at night"),)),
        **{
            name: film(weights, memory, path, settings=replace(plain, **{name: False}))
            for name in ("rendered_latent", "warped_rope", "prope")
        },
    }
    for name, frames in others.items():
        assert not np.array_equal(frames[..., :3], own), name


def test_a_prompt_of_another_time_changes_nothing(weights, memory, path):
    plain = TinySettings(composed=False, steps=1)
    late = (Prompt("a red ball at night", start_s=100.0),)
    assert np.array_equal(
        film(weights, memory, path, settings=plain), film(weights, memory, path, settings=plain, prompts=late)
    )


def test_any_seed_of_a_shot_and_a_single_frame_are_taken(weights, memory, path):
    short = CameraPath(path.cameras[:1], path.frame_numbers[:1], path.fps)
    frames = film(weights, memory, short, settings=TinySettings(steps=1), seed=MAX_SEED)
    assert np.isfinite(frames[..., :3]).all()


def test_closing_the_film_ends_the_work(weights, memory, path):
    frames = TinyEngine(TinySettings(steps=1), weights=weights).frames(memory, path)
    next(frames)
    frames.close()
    assert list(frames) == []


def test_cancel_is_heard_between_two_denoising_steps(weights, memory, path):
    asked = []

    def should_stop() -> bool:
        asked.append(len(asked))
        return len(asked) == 3

    engine = TinyEngine(TinySettings(steps=8), weights=weights)
    with pytest.raises(Cancelled):
        list(engine.frames(memory, path, should_stop=should_stop))
    assert len(asked) == 3, "it went on after it was told to stop"


def test_an_engine_without_weights_or_views_says_so(weights, memory, path, tmp_path):
    with pytest.raises(MosaicError, match="holds no weights of ours"):
        film(tmp_path, memory, path)
    with pytest.raises(MosaicError):
        film(weights, Memory.from_views([]), path)


def test_a_log_with_half_a_line_is_drawn_and_no_log_is_not(tmp_path):
    assert draw_log(tmp_path) is None and log_lines(tmp_path) == []
    lines = [json.dumps({"step": 20 * i, "ms": 5.0, "loss": 1 / i}) for i in range(1, 5)]
    (tmp_path / "log.jsonl").write_text("\n".join([*lines[:2], lines[2][:9] + lines[2], lines[3], lines[3][:7]]))
    assert [line["step"] for line in log_lines(tmp_path)] == [20, 40, 80]
    assert draw_log(tmp_path) == tmp_path / "log.png"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either --steps or --minutes"),
        (["--steps", "3", "--minutes", "1"], "either --steps or --minutes"),
        (["--steps", "0"], "a positive number"),
        (["--minutes", "-1"], "a positive number"),
        (["--steps", "3", "--clips", "1"], "at least 2 clips, got 1"),
    ],
)
@pytest.mark.parametrize("what", ["autoencoder", "model", "depth"])
def test_a_mistake_ends_in_one_sentence_before_anything_is_filmed(tmp_path, capsys, what, arguments, words):
    folders = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert main(["train", what, *folders, *arguments]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_model_is_not_trained_without_an_autoencoder(tmp_path, capsys):
    arguments = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--steps", "3", "--clips", "2"]
    assert main(["train", "model", *arguments, "--autoencoder", str(tmp_path / "none.safetensors")]) == 1
    said = capsys.readouterr().err
    assert "none.safetensors holds no weights of ours" in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_depth_head_learns_what_is_near(data, tmp_path):
    file = train_depth(data, plan(tmp_path, steps=30), config=DepthConfig((8, 8, 12, 12, 16)), say=quiet)
    losses = [line["loss"] for line in log_lines(tmp_path)]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:3])
    assert 0 < facts_of(file)["scores"]["within_25_percent"] <= 1
    clip = read_clip(data.films(quiet)[0])
    picture = torch.from_numpy(clip.rgb[0].astype(np.float32).transpose(2, 0, 1) / 255)
    assert estimated_depth(load_depth_head(file), picture, median_m=2.0).shape == clip.z_depth.shape[1:]
