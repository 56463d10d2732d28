"""The benchmark's scenes say the truth about their pixels, and its table about its rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from mosaic_core.cli import main  # noqa: E402
from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.evaluate import scenes as bench  # noqa: E402
from mosaic_core.evaluate.benchmark import evaluate, table  # noqa: E402
from mosaic_core.evaluate.rows import row_named  # noqa: E402
from mosaic_core.evaluate.scores import picture_scores  # noqa: E402
from mosaic_core.sampling import grown  # noqa: E402
from mosaic_core.train.clips import EDIT_FRAME, clip_file, make_clip, save_clip, unedited_ids  # noqa: E402

SEED = 1_000_013


@pytest.fixture(scope="module")
def scene() -> bench.BenchScene:
    clip = make_clip(SEED, image_height=48, image_width=80, frames=20, edit="moved")
    assert str(clip.edit) == "moved"
    return bench._scene(SEED, clip, unedited_ids(SEED, clip))


def test_every_pixel_is_of_one_kind(scene):
    kinds = np.stack([scene.revisited, scene.touched, scene.band])
    assert (kinds.sum(axis=0) <= 1).all()
    assert scene.revisited.mean() > 0.2 and scene.touched.any()
    assert scene.rgb.shape[0] == len(scene.path) == 20 - EDIT_FRAME


def test_the_first_unseen_band_is_beside_what_was_seen():
    seen = np.zeros((30, 40), bool)
    seen[3:9, 5:11] = True
    expected = np.zeros_like(seen)
    for y in range(30):
        for x in range(40):
            around = seen[
                max(0, y - bench.BAND_PX) : y + bench.BAND_PX + 1, max(0, x - bench.BAND_PX) : x + bench.BAND_PX + 1
            ]
            expected[y, x] = around.any() and not seen[y, x]
    assert np.array_equal(grown(seen, bench.BAND_PX) & ~seen, expected)


def test_memory_shows_revisited_pixels_better_than_new_ones(scene):
    frames = row_named("preview", [scene]).make(scene, scene.memory, 0)
    off = np.abs(np.stack([frame.rgb for frame in frames]) - scene.rgb).mean(axis=-1)
    assert off[scene.revisited].mean() < 0.05
    assert np.isfinite(picture_scores(scene, np.stack([frame.rgb for frame in frames]))["psnr_revisit"])


def test_the_edited_memory_is_nearer_to_the_truth_where_the_edit_touched(scene):
    row = row_named("preview", [scene])
    edited, plain = (
        np.stack([frame.rgb for frame in row.make(scene, memory, 0)]) for memory in (scene.memory, scene.unedited)
    )
    squared = [((video - scene.rgb) ** 2)[scene.touched].mean() for video in (edited, plain)]
    assert squared[0] < 0.5 * squared[1]


def test_a_figure_that_is_missing_leaves_its_place_empty():
    text = table({"full": {"psnr_revisit": 20.5, "dynamic": None}, "preview": {"edit_psnr_moved": 18.0}})
    assert "| full | 20.50 |" in text and "None" not in text and "nan" not in text
    assert "| preview | 18.00 /  |" in text


@pytest.mark.slow
@pytest.mark.parametrize("edit", ["moved", "copied", "deleted"])
def test_a_clip_filmed_elsewhere_tells_what_its_edit_touched(tmp_path, edit):
    """Without the unedited scene to render, memory says where the edited thing was: nearly the same pixels."""
    clip = make_clip(SEED, image_height=48, image_width=80, frames=20, edit=edit)
    save_clip(clip_file(tmp_path, 3), clip)
    (read,) = bench.clip_scenes([clip_file(tmp_path, 3)])
    filmed = bench._scene(SEED, clip, unedited_ids(SEED, clip))
    assert read.edit == edit and np.array_equal(read.rgb, filmed.rgb)
    both, either = (read.touched & filmed.touched).sum(), (read.touched | filmed.touched).sum()
    assert both > 0.7 * either > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rows": ["magic"]}, "no row 'magic'"),
        ({"scenes": 1}, "at least 2"),
        ({"clips": Path("nowhere")}, "got 0 in nowhere"),
    ],
)
def test_what_cannot_be_measured_is_said(arguments, words):
    with pytest.raises(MosaicError, match=words):
        evaluate(**arguments)


def test_the_command_line_says_it_too(capsys):
    assert main(["evaluate", "--only", "magic"]) == 1
    assert capsys.readouterr().err.startswith("mosaic: there is no row 'magic'")


def test_the_truth_itself_scores_best(scene):
    """Regression: a distance of exactly 0 was taken for one that is missing."""
    found = picture_scores(scene, scene.rgb)
    assert found["gradient_revisit"] == 0.0
    assert found["ssim_revisit"] == pytest.approx(1.0)
    assert found["psnr_revisit"] > 60


@pytest.mark.slow
def test_the_benchmark_runs_and_draws_its_page(tmp_path, capsys):
    out = tmp_path / "evaluation"
    rows = ["--only", "preview", "--only", "copy_last"]
    assert main(["evaluate", *rows, "--scenes", "2", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["rows"]) == {"preview", "copy_last"} and found["machine"]
    assert found["rows"]["preview"]["psnr_revisit"] > found["rows"]["copy_last"]["psnr_revisit"] + 3
    assert "| preview |" in (out / "table.md").read_text()
    with Image.open(out / "page.png") as page:
        assert page.width > 500
