"""Comparisons of two clips: what they show, and what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mosaic_core.cli import main
from mosaic_core.errors import MosaicError
from mosaic_core.generate.video import write_png
from mosaic_core.report.compare import COLDER, GAP_PX, MODES, WARMER, compare, compared


def clip(folder, shades: dict[int, float], *, height: int = 16, width: int = 24):
    (folder / "frames").mkdir(parents=True)
    for number, shade in shades.items():
        write_png(np.full((height, width, 3), shade, np.float32), folder / "frames" / f"frame_{number:04d}.png")
    return folder


def test_a_comparison_is_frames_a_video_and_numbers(tmp_path, capsys):
    before, after = clip(tmp_path / "a", {3: 0.2, 4: 0.2, 9: 0.2}), clip(tmp_path / "b", {3: 0.2, 4: 0.6, 5: 0.9})
    out = tmp_path / "out"
    assert main(["compare", str(before), str(after), "--out", str(out)]) == 0
    assert "1 of 2 frames differ, on average by 20.0%, most at frame 4: 40.0%" in capsys.readouterr().out
    assert sorted(file.name for file in out.iterdir()) == ["clip.mp4", "compare.json", "frames"]
    assert sorted(file.name for file in (out / "frames").iterdir()) == ["frame_0003.png", "frame_0004.png"]
    assert json.loads((out / "compare.json").read_text())["frames"] == [3, 4]
    assert compare(before, before, out).in_words == "All 3 frames are the same, bit for bit"
    assert (out / "frames" / "frame_0009.png").is_file()


def test_each_mode_shows_both_clips():
    dark, light = np.full((6, 8, 3), 0.25, np.float32), np.full((6, 8, 3), 0.75, np.float32)
    side = compared(dark, light, "side-by-side")
    assert side.shape == (6, 16 + GAP_PX, 3) and side[0, 0, 0] == 0.25 and side[0, -1, 0] == 0.75
    wipe = compared(dark, light, "wipe", split=0.25)
    assert wipe.shape == (6, 8, 3) and wipe[0, 0, 0] == 0.25 and (wipe[:, 4:] == 0.75).all()
    np.testing.assert_allclose(compared(dark, light, "difference")[0, 0], WARMER, atol=1e-6)
    np.testing.assert_allclose(compared(light, dark, "difference")[0, 0], COLDER, atol=1e-6)
    same = compared(dark, dark, "difference")
    assert np.ptp(same) == 0 and same[0, 0, 0] < 0.25, "what is the same stays dark and grey"


def test_clips_of_different_sizes_are_compared_at_the_size_of_the_first(tmp_path):
    before, after = clip(tmp_path / "a", {1: 0.5}), clip(tmp_path / "b", {1: 0.5}, height=32, width=48)
    assert compare(before, after, tmp_path / "out", mode="difference").difference[0] < 0.01


def test_what_cannot_be_compared_is_said_and_leaves_nothing(tmp_path):
    before = clip(tmp_path / "a", {1: 0.5})
    for second, words in ((tmp_path / "none", "no frames"), (clip(tmp_path / "b", {7: 0.5}), "no frame in common")):
        with pytest.raises(MosaicError, match=words):
            compare(before, second, tmp_path / "out")
    with pytest.raises(MosaicError, match="no comparison 'blink'"):
        compare(before, before, tmp_path / "out", mode="blink")
    (before / "frames" / "frame_0001.png").write_bytes(b"damaged")
    with pytest.raises(MosaicError, match="cannot be read"):
        compare(before, before, tmp_path / "out")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
    assert MODES[0] == "side-by-side"
