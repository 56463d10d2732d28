"""Two memories on one ground, in one tone, with the seam between them known: proven on rendered pixels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_core.cameras.rotations import rotations_of_vectors
from mosaic_core.cli import main
from mosaic_core.errors import EditError, MosaicError
from mosaic_core.memory import Memory, load_memory, save_memory
from mosaic_core.memory.ground import find_ground
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.seams import seam_mask, worlds_of
from mosaic_core.memory.splice import splice
from mosaic_core.memory.splice_alignment import align
from mosaic_core.memory.tone import KNOTS, Tone, linear_of_srgb, shown_rgb, srgb_of_linear
from mosaic_core.memory.tone_matching import match_tone, shown_patch_rgb, with_tone
from mosaic_core.scenes import Box

from .known_scenes import FLOOR, NAMES, RED, ROOM, WALL, camera_at, room_memory, view_of

# Another room: its own floor, wall, a table, and a crate of the same name as the first room's.
TABLE = 5
OTHER_NAMES = {FLOOR: "Ground", WALL: "Fence", TABLE: "Table", RED: "Red Crate"}
OTHER = (
    Box((-5, -6, -0.5), (5, 6, 0), FLOOR, (0.5, 0.52, 0.5)),
    Box((-5, 5, 0), (5, 6, 3.0), WALL, (0.6, 0.65, 0.7)),
    Box((-2.2, -0.5, 0.7), (-0.4, 0.9, 0.8), TABLE, (0.5, 0.35, 0.2)),
    Box((0.6, 0.2, 0), (1.6, 1.2, 1), RED, (0.8, 0.2, 0.15)),
)
PLACES = ((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6), (0.0, -2.0, 2.5))


@pytest.fixture(scope="module")
def room() -> Memory:
    return room_memory(PLACES)


def disguised(boxes, names, *, turn=(0.0, 0.0, 0.0), offset=(0.0, 0.0, 0.0), scale=1.0, places=PLACES) -> Memory:
    """A memory as a reconstruction has it: in a frame of its own, in a unit of its own."""
    views = []
    for position in places:
        view = view_of(camera_at(position), boxes)
        matrix = disguise(turn, offset, scale) @ view.camera.world_from_cam
        matrix[:3, :3] /= scale
        camera = replace(view.camera, world_from_cam=matrix)
        views.append(replace(view, camera=camera, z_depth=view.z_depth * np.float32(scale)))
    return Memory.from_views(views, names)


def disguise(turn, offset, scale) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = scale * rotations_of_vectors(np.array(turn, dtype=float)), offset
    return matrix


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    st.tuples(*[st.floats(-0.4, 0.4)] * 2), st.floats(-3, 3), st.tuples(*[st.floats(-50, 50)] * 3), st.floats(0.05, 20)
)
def test_the_ground_is_found_wherever_a_memory_stands(tilt, yaw, offset, scale):
    turn = (tilt[0], tilt[1], 0.0)
    memory = disguised(OTHER, OTHER_NAMES, turn=turn, offset=offset, scale=scale)
    spun = np.eye(4)
    spun[:3, :3] = rotations_of_vectors(np.array([0, 0, yaw]))
    memory = splice(Memory.from_views([], {}), memory, spun)
    ground = find_ground(memory)
    truth = spun @ disguise(turn, offset, scale)
    up = truth[:3, 2] / scale
    assert np.degrees(np.arccos(min(1.0, ground.up_world @ up))) < 0.3
    assert abs(ground.height_m - up @ truth[:3, 3]) < 0.01 * scale
    assert ground.eye_height_m == pytest.approx(2.0 * scale, rel=0.02)


def test_tables_and_noise_do_not_raise_the_ground(room):
    """A third of the floor's depth is wrong, and a table top is level too."""
    rng = np.random.default_rng(0)
    views = []
    for view in disguised(OTHER, OTHER_NAMES).views:
        noisy = view.z_depth * rng.normal(1, 0.01, view.z_depth.shape)
        wrong = rng.random(view.z_depth.shape) < 0.05
        noisy[wrong] *= rng.uniform(0.5, 1.5, wrong.sum())
        views.append(replace(view, z_depth=noisy.astype(np.float32)))
    ground = find_ground(Memory.from_views(views, OTHER_NAMES))
    assert np.degrees(np.arccos(ground.up_world[2])) < 1.5
    assert abs(ground.height_m) < 0.06
    only_table = Memory.from_views([view_of(camera_at(p), OTHER[2:3]) for p in PLACES], OTHER_NAMES)
    assert find_ground(only_table).height_m == pytest.approx(0.8, abs=0.03), "the lowest level surface there is"


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_an_aligned_splice_stands_on_the_ground_at_its_size(room, scale):
    """Rendered from a camera between the two rooms, and compared with the truth of both."""
    turn, offset = (0.15, -0.2, 0.0), (7.0, -3.0, 4.0)
    other = disguised(OTHER, OTHER_NAMES, turn=turn, offset=offset, scale=scale)
    found = align(room, other)
    # Two cameras' worth of a crate's sides tell its size to some percent; equal views tell it exactly.
    assert found.scale_from == "objects" and found.scale == pytest.approx(1 / scale, rel=0.05)
    assert found.tilt_deg == pytest.approx(np.degrees(np.arccos(disguise(turn, (0, 0, 0), 1)[2, 2])), abs=0.3)
    exact = align(room, other, scale=1 / scale)
    assert exact.scale_from == "given"
    truth = exact.world_from_second @ disguise(turn, offset, scale)
    assert np.abs(truth[2] - (0, 0, 1, 0)).max() < 0.01, "level, and on the first one's floor"
    both = splice(
        room, other, np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]) @ exact.world_from_second
    )
    truth[0, 3] += 9
    # A camera of the second world, placed by the truth: what it sees there is what it must see here.
    there = camera_at((0.4, -4.0, 1.9))
    here = replace(there, world_from_cam=truth @ there.world_from_cam)
    readout = MemoryReader(both).rgb(replace(here, world_from_cam=_rigid(here.world_from_cam)))
    expected = view_of(there, OTHER)
    seen = readout.covered & np.isfinite(readout.z_depth) & ~expected.sky
    assert seen.mean() > 0.7
    assert np.abs(readout.values - expected.rgb / 255)[seen].mean() < 0.02
    off = np.abs(readout.z_depth[seen] / expected.z_depth[seen] - 1)
    assert np.median(off) < 0.005


def _rigid(matrix: np.ndarray) -> np.ndarray:
    u, _, v = np.linalg.svd(matrix[:3, :3])
    matrix = matrix.copy()
    matrix[:3, :3] = u @ v
    return matrix


def test_sizes_are_left_alone_where_they_may_be_metres(room):
    names = {FLOOR: "Ground", WALL: "Fence", TABLE: "Table", RED: "Box"}
    assert align(room, disguised(OTHER, names)).scale_from == "same"
    found = align(room, disguised(OTHER, names, scale=100.0))
    assert found.scale_from == "eye heights" and found.scale == pytest.approx(0.01, rel=0.05)
    given_up = align(room, disguised(OTHER, names, turn=(0.1, 0, 0)), second_up=np.array([0, 0, 2.0]))
    assert given_up.tilt_deg < 0.5, "what is given is not estimated"


def test_what_has_no_ground_is_refused(room):
    wall = Memory.from_views([view_of(camera_at(p, (0, 5, 1.5)), ROOM[1:2]) for p in PLACES[:2]], NAMES)
    for memory in (wall, Memory.from_views([], {})):
        with pytest.raises(EditError, match=r"up|ground"):
            align(room, memory)
    for wrong in ((0, 0, 0), (0, 1), (np.nan, 0, 1)):
        with pytest.raises(EditError, match="three numbers"):
            find_ground(room, up_world=np.array(wrong, dtype=float))
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(EditError, match="scale"):
            align(room, room, scale=wrong)


GAIN = np.array([0.55, 0.7, 0.9])


def tinted(memory: Memory, gain=GAIN) -> Memory:
    """The same places under another light: every captured picture is another one."""
    views = []
    for view in memory.views:
        light = linear_of_srgb(view.rgb / 255) * gain
        views.append(replace(view, rgb=np.round(np.clip(srgb_of_linear(light), 0, 1) * 255).astype(np.uint8)))
    return Memory.from_views(views, memory.object_names)


def difference(memory: Memory, camera, truth) -> float:
    """Of what is shown from the second world to the first world's colours, the mean over its pixels."""
    readout = MemoryReader(memory).rgb(camera)
    second = worlds_of(readout, memory) == 1
    assert second.sum() > 500
    return float(np.abs(readout.values - truth.rgb / 255)[second & ~truth.sky].mean())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gain", "curve"])
def test_tone_is_matched_where_worlds_overlap(room, kind):
    """Half of the views are lit otherwise: after matching, their pixels have the first ones' colours."""
    dark = tinted(room_memory(((1.0, -5.2, 2.4), (3.0, -4.5, 1.9), (-3.2, -4.4, 1.7))))
    both = splice(room_memory(PLACES[:1]), dark)
    match = match_tone(both, {1}, kind=kind)
    assert match.found == "overlap" and match.pairs > 1000
    assert match.difference_after < 0.15 * match.difference_before
    camera = camera_at((2.4, -4.6, 1.9))
    truth = view_of(camera)
    toned = with_tone(both, {1}, match.tone)
    assert difference(toned, camera, truth) < 0.25 * difference(both, camera, truth)
    if kind == "gain":
        tone = Tone.of_gain_bias(1 / GAIN)
        assert np.abs(tone.knots - match.tone.knots)[:, 4:20].max() < 0.03
    for one, other in zip(both.views, toned.views, strict=True):
        assert one.rgb is other.rgb, "captured pictures are never touched"
    same = MemoryReader(with_tone(toned, {1}, None)).rgb(camera)
    assert np.array_equal(same.values, MemoryReader(both).rgb(camera).values)
    assert match_tone(both, {1}, kind=kind).tone.knots.tolist() == match.tone.knots.tolist()


@pytest.mark.slow
def test_tone_is_matched_along_a_seam(room):
    """The same floor goes on in another light: the step in brightness at the seam goes away."""
    tile = Box((-2, -2, -0.3), (2, 2, 0), FLOOR, (0.55, 0.5, 0.45))
    left = Memory.from_views([view_of(camera_at(p, (0, 0, 0)), [tile]) for p in ((-2, -5, 3), (2, -5, 3))], NAMES)
    beside = np.eye(4)
    beside[0, 3] = 4  # edge to edge
    both = splice(left, tinted(left), beside)
    match = match_tone(both, {1})
    assert match.found == "seam"
    camera = camera_at((2.0, -5.0, 3.0), (2.0, 0.0, 0.0))
    plain, toned = (MemoryReader(m).rgb(camera) for m in (both, with_tone(both, {1}, match.tone)))
    worlds = np.where(np.isfinite(plain.z_depth), worlds_of(plain, both), -1)
    strip = seam_mask(plain, both, width_px=10)

    def step(readout) -> float:
        sides = [readout.values[strip & (worlds == world)].mean(0) for world in (0, 1)]
        return float(np.abs(sides[0] - sides[1]).mean())

    assert step(plain) > 0.05 and step(toned) < 0.3 * step(plain)
    truth = MemoryReader(splice(left, left, beside)).rgb(camera)
    second = worlds == 1
    off = [np.abs(readout.values - truth.values)[second].mean() for readout in (plain, toned)]
    assert off[1] < 0.25 * off[0], "not only at the seam"
    first = worlds == 0
    assert np.array_equal(plain.values[first & plain.covered], toned.values[first & plain.covered])


@pytest.mark.slow
def test_tones_survive_files_and_add_up(room, tmp_path):
    both = splice(room, tinted(room_memory(PLACES[:2])))
    tone = match_tone(both, {1}).tone
    toned = with_tone(both, {1}, tone)
    save_memory(toned, tmp_path / "toned.mosaic")
    loaded = load_memory(tmp_path / "toned.mosaic")
    camera = camera_at((0.7, -4.2, 1.9))
    assert np.array_equal(MemoryReader(loaded).rgb(camera).values, MemoryReader(toned).rgb(camera).values)
    assert loaded.views[0].tone is None
    twice = with_tone(toned, {1}, tone).views[-1].tone
    levels = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    through = np.round(tone.apply(levels) * 255).astype(np.uint8)
    assert np.abs(twice.apply(levels) - tone.apply(through)).max() < 0.02
    colours = shown_patch_rgb(toned)
    of_first = toned.patches.view < len(room.views)
    assert np.array_equal(colours[of_first], toned.patches.rgb[of_first])
    assert (colours[~of_first].mean((0, 1)) > toned.patches.rgb[~of_first].mean((0, 1)) + 3).all()


@pytest.mark.slow
def test_a_tone_of_nothing_changes_nothing_and_a_bad_one_is_refused():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 3)).astype(np.uint8)
    assert np.abs(Tone.of_gain_bias(np.ones(3)).apply(rgb) - shown_rgb(rgb, None)).max() < 1e-6
    ramp = np.arange(256)[:, None].repeat(3, 1).astype(np.uint8)
    exact = srgb_of_linear(np.clip(linear_of_srgb(ramp / 255) * 1.7, 0, 1))
    assert np.abs(Tone.of_gain_bias(1.7 * np.ones(3)).apply(ramp) - exact).max() < 0.02
    falling = np.linspace(1, 0, KNOTS)[None].repeat(3, 0)
    for wrong in (falling, np.zeros((3, 4)), np.full((3, KNOTS), np.nan), np.linspace(0, 2, KNOTS)[None].repeat(3, 0)):
        with pytest.raises(MosaicError, match="tone"):
            Tone(wrong)
    for wrong in ("x", None, [[1], [2, 3]]):
        with pytest.raises(MosaicError, match="tone"):
            Tone.from_json(wrong)
    with pytest.raises(MosaicError, match="positive"):
        Tone.of_gain_bias(np.array([1, 0, 1.0]))


def test_worlds_that_cannot_be_compared_are_refused(room):
    far = np.eye(4)
    far[0, 3] = 1000
    both = splice(room, room, far)
    for worlds in ((), {0, 1}, {7}):
        with pytest.raises(EditError, match="worlds to match"):
            match_tone(both, worlds)
    with pytest.raises(EditError, match="gain, curve"):
        match_tone(both, {1}, kind="magic")


@pytest.mark.slow
def test_the_seam_is_where_worlds_touch_and_not_where_one_hides_the_other(room):
    floor = Memory.from_views([view_of(camera_at(p), ROOM[:1]) for p in PLACES], NAMES)
    crate = Memory.from_views([view_of(camera_at(p), ROOM[2:3]) for p in PLACES], NAMES)
    raised = np.eye(4)
    raised[:3, 3] = (0.5, -1.5, 0.9)  # high over the floor: its lower edge stands before ground far behind
    camera = camera_at((0.0, -5.0, 1.6), (0.0, 0.0, 0.5))
    for matrix, touches in ((np.eye(4), True), (raised, False)):
        both = splice(floor, crate, matrix)
        readout = MemoryReader(both).rgb(camera)
        worlds = np.where(np.isfinite(readout.z_depth), worlds_of(readout, both), -1)
        assert (worlds == 1).sum() > 100
        mask = seam_mask(readout, both, width_px=2)
        rows, columns = np.nonzero(worlds == 1)
        foot = mask[rows.max() - 1 : rows.max() + 2, columns.min() + 3 : columns.max() - 3]
        assert foot.any() == touches
        assert not mask[: rows.min() - 4].any(), "not at the outline against what is far behind"
        everything = seam_mask(readout, both, width_px=2, outlines=True)
        assert (everything | mask).sum() == everything.sum() > mask.sum()
        widened = seam_mask(readout, both, width_px=6, outlines=True)
        assert (widened & everything).sum() == everything.sum() < widened.sum()
    alone = MemoryReader(floor).rgb(camera)
    assert not seam_mask(alone, floor).any()
    with pytest.raises(EditError, match="width"):
        seam_mask(alone, floor, width_px=-1)


@pytest.mark.slow
def test_splice_on_the_command_line(room, tmp_path, capsys):
    names = [str(tmp_path / name) for name in ("room.mosaic", "other.mosaic", "both.mosaic")]
    save_memory(room, names[0])
    save_memory(disguised(OTHER, OTHER_NAMES, turn=(0.1, 0.1, 0), scale=0.5), names[1])
    base = ["splice", *names[:2], "--out", names[2]]
    assert main([*base, "--layout", "left-right", "--align", "--tone", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["alignment"]["scale"] == pytest.approx(2, rel=0.05) and facts["alignment"]["tilt_deg"] > 7
    assert facts["tone"]["difference_after"] <= facts["tone"]["difference_before"]
    both = load_memory(names[2])
    assert len(both.views) == 8 and both.views[-1].tone is not None
    assert main([*base, "--layout", "top-bottom", "--flip", "--gap", "1", "--turn", "30", "--scale", "2"]) == 0
    assert "8 views" in capsys.readouterr().out
    shifted = [1, 0, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert main([*base, "--matrix", *map(str, shifted)]) == 0
    assert load_memory(names[2]).placements.same_as(
        splice(load_memory(names[0]), load_memory(names[1]), np.reshape(shifted, (4, 4)).astype(float)).placements
    )
    for wrong, words in (
        (["--matrix", *map(str, shifted), "--turn", "3"], "give it alone"),
        (["--flip"], "--layout top-bottom"),
        (["--second-up", "0", "0", "1"], "belong to --align"),
        (["--align", "--scale", "-1"], "must be positive"),
        (["--matrix", *["0"] * 16], "nothing"),
    ):
        capsys.readouterr()
        assert main([*base[:-1], str(tmp_path / "none.mosaic"), *wrong]) == 1
        assert words in capsys.readouterr().err and not (tmp_path / "none.mosaic").exists()
