"""What mouse, axes, numbers and modifiers make of a drag."""

from __future__ import annotations

import numpy as np
import pytest

# Looks along +y from 10 m away, x to the right, z up: at the origin a metre is 40 pixels.
CLIP = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1.002, 0, 9.8], [0, 1, 0, 10]], float)
CENTRE = (400, 400)


def drag(kind: str, *, pivot=(0, 0, 0), start=CENTRE, **options):
    from blender_addon.operators.dragging import Drag, Lens

    return Drag(kind, np.array(pivot, float), Lens(CLIP, 800, 800), np.array(start, float), **options)


def typed(drag_, text: str) -> None:
    for char in text:
        assert drag_.key({"-": "MINUS", "\t": "TAB"}.get(char, "ONE"), char)


def test_what_is_dragged_stays_under_the_mouse():
    move = drag("MOVE")
    move.mouse_by((80, -40))
    assert np.allclose(move.offset(), (2, 0, -1), atol=1e-6)


def test_an_axis_locks_the_move_and_pressing_it_a_third_time_lets_go():
    move = drag("MOVE")
    move.mouse_by((80, -40))
    for _ in range(2):  # the world's axis, and that of patches that stand as the world does
        move.key("Z", "z")
        assert np.allclose(move.offset(), (0, 0, -1), atol=1e-6)
    move.key("Z", "z")
    assert np.allclose(move.offset(), (2, 0, -1), atol=1e-6)
    move.key("X", "X", shift=True)
    assert abs(move.offset()[0]) < 1e-9, "in the plane across x"


OWN = np.array(
    [[0.8, -0.6, 0], [0, 0, -1], [0.6, 0.8, 0]]
)  # own X is to the right and up on the screen, own Z towards us


def test_the_second_press_locks_the_patches_own_axis():
    move = drag("MOVE", world_from_own=OWN)
    move.key("X", "x")
    typed(move, "2")
    assert np.allclose(move.offset(), (2, 0, 0)) and "along X" in move.words()
    move.key("X", "x")
    assert np.allclose(move.offset(), (1.6, 0, 1.2)) and "along own X" in move.words()
    move.key("Y", "y")
    assert np.allclose(move.offset(), (0, 2, 0)), "another axis is the world's again"
    move.key("BACK_SPACE", "")
    move.key("X", "x")
    move.key("X", "x")
    move.mouse_by((40, -30))  # across the axis on the screen
    assert np.allclose(move.offset(), np.array([0.8, 0, 0.6]) * 0.35, atol=0.05)


def test_planes_and_turns_take_the_own_axes_as_well():
    move = drag("MOVE", world_from_own=OWN)
    for _ in range(2):
        move.key("Z", "Z", shift=True)
    typed(move, "1\t2")
    assert np.allclose(move.offset(), OWN[:, 0] + 2 * OWN[:, 1]) and "across own Z" in move.words()
    turn = drag("ROTATE", world_from_own=OWN)
    for _ in range(2):
        turn.key("X", "x")
    typed(turn, "90")
    assert np.allclose(turn.motion()[:3, :3] @ OWN[:, 0], OWN[:, 0])
    assert np.allclose(turn.motion()[:3, :3] @ OWN[:, 1], OWN[:, 2])


@pytest.mark.parametrize(
    ("keys", "text", "offset"),
    [("X", "1", (1, 0, 0)), ("Y", "-1.5", (0, -1.5, 0)), ("", "1\t2\t-3", (1, 2, -3)), ("", ".5", (0.5, 0, 0))],
)
def test_typed_numbers_replace_the_mouse(keys, text, offset):
    move = drag("MOVE")
    move.mouse_by((33, 44))
    for key in keys:
        move.key(key, key.lower())
    typed(move, text)
    assert np.allclose(move.offset(), offset)
    while move.numbers is not None:
        move.coordinate = max(i for i, number in enumerate(move.typed) if number)
        move.key("BACK_SPACE", "")
    assert not np.allclose(move.offset(), offset), "with nothing typed the mouse decides again"


@pytest.mark.parametrize(("kind", "text"), [("NUMPAD_PERIOD", ","), ("NUMPAD_PERIOD", ""), ("COMMA", ",")])
def test_a_comma_is_a_point_where_numbers_are_written_with_one(kind, text):
    move = drag("MOVE")
    move.key("X", "x")
    for pressed in (("NUMPAD_1", "1"), (kind, text), (kind, text), ("NUMPAD_5", "5")):
        move.key(*pressed)
    assert np.allclose(move.offset(), (1.5, 0, 0))


def test_ctrl_snaps_and_shift_is_slow():
    move = drag("MOVE", snap=True)
    move.mouse_by((53, 0))
    assert np.allclose(move.offset(), (1, 0, 0)), "a metre is the first power of ten beyond 20 pixels"
    slow = drag("MOVE", fine=True)
    slow.mouse_by((40, 0))
    assert np.allclose(slow.offset(), (0.1, 0, 0), atol=1e-6)


def test_going_round_the_pivot_turns_it_as_the_eye_sees_it():
    turn = drag("ROTATE", start=(500, 400))
    for step in np.linspace(0, 2.5 * np.pi, 30)[1:]:
        turn.mouse_by(np.array([400 + 100 * np.cos(step), 400 + 100 * np.sin(step)]) - turn.mouse_px)
    assert np.isclose(turn.angle(), 2.5 * np.pi), "more than a whole turn"
    carried = turn.motion()[:3, :3] @ (1, 0, 0)
    assert np.allclose(carried, (0, 0, 1), atol=1e-6), "counter-clockwise: from the right to the top"
    turn.key("Z", "z")
    typed(turn, "90")
    assert np.allclose(turn.motion()[:3, :3] @ (1, 0, 0), (0, 1, 0))


def test_scale_follows_the_distance_to_the_pivot_and_leaves_it_where_it_is():
    scale = drag("SCALE", pivot=(1, 0, 0), start=(540, 400))  # the pivot is at (440, 400)
    scale.mouse_by((50, 0))
    assert np.isclose(scale.factor(), 1.5)
    assert np.allclose(scale.motion() @ (1, 0, 0, 1), (1, 0, 0, 1))
    scale.key("X", "x")
    assert np.isclose(scale.factor(), 1.5), "patches scale evenly"
    typed(scale, "0")
    assert scale.factor() > 0, "nothing can be scaled to nothing"


def test_the_header_says_what_happens():
    move = drag("MOVE")
    move.key("X", "x")
    typed(move, "1.2")
    assert move.words() == "Move 1.2, 0, 0 m (1.2 m) along X  [1.2|]"
