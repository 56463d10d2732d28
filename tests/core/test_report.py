"""The report on a memory: each number against a scene in which it is known."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.cli import main
from mosaic_core.memory import Memory, edits, save_memory
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.report import measure, report_lines
from mosaic_core.report.agreement import compare_views
from mosaic_core.report.charts import nice_ticks, tick_text
from mosaic_core.report.frames import hole_sizes
from mosaic_core.report.page import report_page

from .known_scenes import FLOOR, NAMES, RED, ROOM, camera_at, placements_of, room_memory, view_of

POSITIONS = ((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6))


@pytest.fixture(scope="module")
def room() -> Memory:
    return room_memory(POSITIONS)


def path_from(*positions, target=(0.0, 1.5, 0.5)) -> CameraPath:
    cameras = tuple(camera_at(p, target) for p in positions)
    return CameraPath(cameras, tuple(range(1, len(cameras) + 1)), 24.0)


def test_exact_views_agree(room):
    agreement = compare_views(room)
    assert agreement.compared > 10_000
    assert agreement.agreeing > 0.99 and agreement.double + agreement.denied < 0.01
    assert agreement.colour_difference < 0.02
    assert agreement.views[0]["new"] == 1.0
    assert all(line["new"] < 0.5 for line in agreement.views[1:])


def with_depth(memory: Memory, index: int, change) -> Memory:
    views = list(memory.views)
    views[index] = replace(views[index], z_depth=change(views[index]).astype(np.float32))
    return Memory.from_views(views, NAMES)


def test_a_layer_that_is_there_twice_is_found_with_its_distance(room):
    """The third view's depth is 2 % too large: some 13 cm at these distances."""
    twice = with_depth(room, 2, lambda view: view.z_depth * 1.02)
    agreement = compare_views(twice)
    assert agreement.double > 0.3
    assert 0.08 < agreement.offset_m < 0.2
    assert agreement.views[2]["double"] > 0.8 > agreement.views[0]["double"] > 0.2
    of_third = (twice.patches.view == 2) & ~twice.patches.sky
    assert agreement.doubtful[of_third].mean() > 0.6 > 0.4 > agreement.doubtful[~of_third].mean()


def test_what_another_view_saw_through_is_found():
    """The red crate was taken away before the third picture."""
    gone = tuple(box for box in ROOM if box.object_id != RED)
    views = [view_of(camera_at(p), ROOM if i < 2 else gone) for i, p in enumerate(POSITIONS)]
    memory = Memory.from_views(views, NAMES)
    agreement = compare_views(memory)
    assert 0.01 < agreement.denied < 0.2
    red = memory.patches.object_id == RED
    other = ~red & (memory.patches.object_id != FLOOR) & ~memory.patches.sky
    assert agreement.doubtful[red].mean() > 0.3 > 0.05 > agreement.doubtful[other].mean()
    report = measure(memory, path_from(POSITIONS[0], (4.5, -3.0, 3.0)))
    assert report.facts["conflicts"]["gone"] > 0
    assert report.facts["path"]["frames"][0]["contested"] > 0.005


def test_edits_are_no_disagreement_and_worlds_are_not_compared(room):
    away = np.eye(4)
    away[0, 3] = 2
    moved = room.edited(edits.transform(placements_of(room, RED), away))
    assert compare_views(moved).agreeing == compare_views(room).agreeing
    apart = tuple(replace(view, world=index) for index, view in enumerate(room.views))
    assert compare_views(replace(room, views=apart)).compared == 0


def test_frames_say_what_the_readout_shows(room):
    hidden = room.edited(edits.hide(placements_of(room, RED)))
    path = path_from((-2.5, -5.0, 1.8), (4.0, 2.0, 1.5))
    report = measure(hidden, path)
    facts = report.facts["path"]["frames"]
    reader = MemoryReader(hidden)
    for camera, frame in zip(path, facts, strict=True):
        readout = reader.rgb(camera)
        assert frame["covered"] == pytest.approx(readout.covered.mean(), abs=1e-4)
        solid = readout.covered & np.isfinite(readout.z_depth)
        assert frame["confidence"] == pytest.approx(readout.confidence[solid].mean(), abs=1e-4)
        assert frame["age_s"] == pytest.approx(readout.age_s[solid].mean(), abs=2 / 24)
    captured, beside = facts
    assert captured["views"][0] == 0 and captured["confidence"] > 0.9 > beside["confidence"]
    assert 0 < beside["largest_hole"] <= 1 - beside["covered"]
    totals = report.facts["path"]
    assert totals["worst"]["frame"] == 2 and totals["largest_hole"]["frame"] == 2
    assert measure(hidden, path).facts == report.facts, "the same numbers, and the same hash of every pixel"
    assert measure(room, path).facts["path"]["readout_sha256"] != totals["readout_sha256"]


def test_long_paths_are_looked_at_here_and_there(room):
    path = path_from(*[(x, -5.0, 1.8) for x in np.linspace(-1, 1, 50)])
    report = measure(room, path, max_frames=5, width_px=80)
    facts = report.facts["path"]
    assert [frame["frame"] for frame in facts["frames"]] == [1, 13, 25, 38, 50]
    assert (facts["image_width"], facts["image_height"], facts["frame_count"]) == (80, 45, 50)


def test_holes_are_counted_as_a_person_would():
    rng = np.random.default_rng(0)
    spiral = np.zeros((7, 7), bool)
    spiral[0], spiral[:, 6], spiral[6], spiral[2:, 0], spiral[2, :5], spiral[2:5, 4] = (True,) * 6
    assert hole_sizes(spiral) == (1, int(spiral.sum()))
    assert hole_sizes(np.eye(5, dtype=bool)) == (5, 1), "corners do not connect"
    assert hole_sizes(np.zeros((3, 4), bool)) == (0, 0) and hole_sizes(np.ones((3, 4), bool)) == (1, 12)
    for _ in range(20):
        holes = rng.random((12, 17)) < 0.5
        assert hole_sizes(holes) == counted(holes)


def counted(holes: np.ndarray) -> tuple[int, int]:
    """A flood, a pixel at a time."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(holes), strict=True)}
    sizes = []
    while left:
        open_, size = [left.pop()], 0
        while open_:
            y, x = open_.pop()
            size += 1
            for there in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if there in left:
                    left.remove(there)
                    open_.append(there)
        sizes.append(size)
    return len(sizes), max(sizes, default=0)


def test_sizes_and_growth_add_up(room, tmp_path):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    facts = measure(room, file=file).facts
    assert facts["size"]["file_mib"] == pytest.approx(file.stat().st_size / 2**20, abs=1e-3)
    pixels = 3 * 90 * 160
    assert facts["size"]["views_mib"] == pytest.approx(pixels * (3 + 4 + 4 + 1 + 1 + 4) / 2**20, abs=1e-3)
    assert facts["growth"][-1]["patches_so_far"] == facts["patches"] == sum(v["patches"] for v in facts["growth"])


@pytest.mark.slow
def test_the_page_is_a_picture_of_the_report(room):
    report = measure(room, path_from((-1, -5, 1.8), (4.0, 2.0, 1.5)), width_px=80)
    page = report_page(report, "room.mosaic")
    image = Image.open(io.BytesIO(page))
    assert image.format == "PNG" and image.width == 1600 and image.height > 1500
    pixels = np.asarray(image)
    assert (pixels == (235, 30, 160)).all(-1).sum() > 100, "holes are shown"
    assert page == report_page(report, "room.mosaic")
    without_path = report_page(measure(room), "room.mosaic")
    assert Image.open(io.BytesIO(without_path)).height < image.height
    empty = Memory.from_views([], {})
    assert report_page(measure(empty), "nothing")
    assert "no two views see the same place" in "\n".join(report_lines(measure(empty).facts))


@pytest.mark.parametrize(
    ("high", "ticks"),
    [(1.0, ["0.00", "0.25", "0.50", "0.75", "1.00"]), (7.0, ["0", "2", "4", "6", "8"]), (0.013, None), (12000, None)],
)
def test_axes_have_round_numbers(high, ticks):
    found = nice_ticks(high)
    assert found[-1] >= high * (1 - 1e-9) and 4 <= len(found) <= 7
    texts = [tick_text(t, found, percent=False) for t in found]
    assert len(set(texts)) == len(texts)
    assert ticks is None or texts == ticks


@pytest.mark.slow
def test_inspect_on_the_command_line(room, tmp_path, capsys):
    memory, path, page = (str(tmp_path / name) for name in ("room.mosaic", "path.json", "report.png"))
    save_memory(room, memory)
    save_path(path_from((-1, -5, 1.8), (4.0, 2.0, 1.5)), path)
    assert main(["inspect", memory, "--path", path, "--page", page, "--width", "80"]) == 0
    said = capsys.readouterr().out
    assert "least covered: frame 2" in said and "double layers" in said
    with Image.open(page) as image:
        assert image.width == 1600
    assert main(["inspect", memory, "--path", path, "--json", "--width", "80"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["path"]["frames"]) == 2 and facts["agreement"]["agreeing"] > 0.9
    assert main(["inspect", memory, "--json"]) == 0
    assert "agreement" not in json.loads(capsys.readouterr().out), "a quick look stays quick"
    assert main(["inspect", memory, "--page", str(tmp_path / "none" / "page.png")]) == 1
    assert "cannot write" in capsys.readouterr().err
    assert main(["inspect", memory, "--path", path, "--frames", "0"]) == 1
