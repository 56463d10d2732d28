"""Retrieval takes the views that really saw what a chunk will show: behind walls, after edits, within a budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mosaic_core.memory import Memory
from mosaic_core.memory.coarse_views import CoarseViews
from mosaic_core.memory.edits import delete, set_time_range, translate
from mosaic_core.memory.retrieval import RetrievalTerms, Retriever
from mosaic_core.memory.splice import splice
from mosaic_core.scenes import Box

from .known_scenes import NAMES, RED, ROOM, camera_at, placements_of, room_memory, view_of

NEW_CAMERA = camera_at((0.7, -4.2, 1.9))


def chosen_by(memory, cameras=(NEW_CAMERA,), *, budget=4, **arguments) -> list[int]:
    return Retriever(memory).coverage(cameras, budget=budget, **arguments)


def test_it_takes_the_view_that_sees_the_place_not_the_one_that_stands_there():
    looks_away = view_of(camera_at((0.7, -4.2, 1.9), (0.7, -20, 1.9)), name="at the spot, looking away")
    sees_left = view_of(camera_at((-3, -5, 2), (-2, 2, 0.5), fov_deg=35), name="left")
    sees_right = view_of(camera_at((3, -5, 2), (2, 2, 0.5), fov_deg=35), name="right")
    memory = Memory.from_views([looks_away, sees_left, sees_right])
    assert sorted(chosen_by(memory, budget=2)) == [1, 2]
    assert chosen_by(memory, budget=3) == chosen_by(memory, budget=2), "a view that adds nothing stays out"
    assert 0 in Retriever(memory).nearest_cameras([NEW_CAMERA], budget=3), "the nearest camera is blind to that"


def test_a_view_that_looks_at_the_other_side_of_a_wall_does_not_count():
    screen = Box((-6, -1.0, 0), (6, -0.9, 3.5), 9, (0.5, 0.5, 0.5))
    behind = view_of(camera_at((0.7, 0.0, 1.8), (0.7, 4.0, 0.8)), (*ROOM, screen), name="behind the screen")
    front = view_of(camera_at((0.5, -5.2, 1.9), (0.7, 0.0, 1.2), fov_deg=90), (*ROOM, screen), name="before it")
    memory = Memory.from_views([behind, front])
    assert chosen_by(memory) == [1]


def test_near_copies_do_not_use_up_the_budget():
    left = [view_of(camera_at((-3 + 0.01 * i, -5, 2), (-2.2, 2, 0.5), fov_deg=40)) for i in range(5)]
    right = view_of(camera_at((3, -5, 2), (2.2, 2, 0.5), fov_deg=30))
    memory = Memory.from_views([*left, right])
    best = chosen_by(memory, budget=2)
    assert len(best) == 2 and 5 in best
    alone = Retriever(memory).projection_overlap([NEW_CAMERA], budget=2)
    assert len(alone) == 2 and 5 in alone, "near copies are left out there too"


def test_the_finer_or_the_later_of_two_equal_views_goes_first():
    camera = camera_at((0.5, -4.6, 1.9))
    coarse = camera_at((0.5, -4.6, 1.9), height=45, width=80)
    memory = Memory.from_views([view_of(coarse, time_s=0.0), view_of(camera, time_s=0.0), view_of(camera, time_s=60.0)])
    assert chosen_by(memory, budget=1) == [1], "equal ones go by their index"
    assert chosen_by(memory, budget=1, time_s=60.0, terms=RetrievalTerms(age=0.3)) == [2]


def test_edits_change_what_is_asked_for():
    over_there = camera_at((-1.1 + 30, -3.0, 1.4), (-1.1 + 30, 0.7, 0.5), fov_deg=25)
    red = view_of(camera_at((-1.1, -3.0, 1.4), (-1.1, 0.7, 0.5), fov_deg=25), name="the red crate")
    memory = Memory.from_views([view_of(camera_at((3, -5, 2), (4, 3, 0.5), fov_deg=30)), red], NAMES)
    moved = memory.edited(translate(placements_of(memory, RED), (30, 0, 0)))
    assert chosen_by(memory, [over_there]) == []
    assert chosen_by(moved, [over_there]) == [1], "the crate's own view is needed where the crate went"
    assert chosen_by(moved.edited(delete(placements_of(memory, RED))), [over_there]) == []
    later = moved.edited(set_time_range(placements_of(memory, RED), since_s=5.0))
    assert Retriever(later, time_s=0.0).coverage([over_there], budget=4) == []
    assert Retriever(later, time_s=6.0).coverage([over_there], budget=4) == [1]


def test_preparing_views_one_by_one_gives_what_preparing_all_gives():
    places = [(-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6), (0, -3, 3)]
    whole = room_memory(places)
    memory, coarse = Memory.from_views([], NAMES), None
    for index, place in enumerate(places):
        memory = memory.with_views([view_of(camera_at(place), name=f"View {index}", time_s=float(index))], {})
        coarse = CoarseViews.of(memory, coarse)
    at_once = CoarseViews.of(whole)
    for name in ("cameras", "nearest", "farthest", "points_world", "rows", "sizes_m"):
        assert np.array_equal(getattr(coarse, name), getattr(at_once, name)), name
    assert Retriever(memory, coarse).coverage([NEW_CAMERA], budget=3) == chosen_by(whole, budget=3)


def test_two_memories_that_grow_from_one_do_not_see_each_others_views():
    memory = room_memory()
    coarse = CoarseViews.of(memory)
    one = memory.with_views([view_of(camera_at((0, -3, 3)))], NAMES)
    other = memory.with_views([view_of(camera_at((2, -2, 1.2), (0, 1, 0.4)))], NAMES)
    first, second = CoarseViews.of(one, coarse), CoarseViews.of(other, coarse)
    assert len(coarse) == 3
    assert np.array_equal(first.positions_world[3], np.float32([0, -3, 3]))
    assert np.array_equal(second.positions_world[3], np.float32([2, -2, 1.2]))


def test_views_of_another_world_say_nothing_about_this_one():
    here = Memory.from_views([view_of(camera_at((0.5, -4.6, 1.9)))], NAMES)
    there = Memory.from_views([view_of(camera_at((0.5, -4.6, 1.9)), ROOM[:1])], NAMES)
    hidden = splice(here, there)
    ids = hidden.placements.ids[hidden.patches.view[hidden.placements.rows - 1] == 1]
    assert chosen_by(hidden.edited(delete(ids))) == [0]


def test_it_is_the_greedy_choice_over_all_views():
    rng = np.random.default_rng(5)
    views = [view_of(camera_at(rng.uniform((-4, -5.5, 1), (4, -2, 3)), fov_deg=40)) for _ in range(12)]
    retriever = Retriever(Memory.from_views(views))
    cameras = [camera_at((x, -4.0, 1.7)) for x in (-0.4, 0.0, 0.4)]
    places = retriever._places(cameras)
    scores = retriever._scores(places, 0.0, RetrievalTerms())
    chosen: list[int] = []
    for _ in range(5):
        worth = [sum(places.counts * scores[[*chosen, view]].max(axis=0)) for view in range(12)]
        chosen.append(int(np.argmax(worth)))
    got = retriever.coverage(cameras, budget=5)
    assert got == chosen[: len(got)] and len(got) >= 3
    assert got == retriever.coverage(cameras, budget=5)


def test_an_empty_memory_and_one_of_sky_have_nothing_to_offer():
    sky = view_of(camera_at((0, -5, 2), (0, 1.5, 40)))
    for memory in (Memory.from_views([]), Memory.from_views([sky])):
        for way in ("coverage", "projection_overlap"):
            assert getattr(Retriever(memory), way)([NEW_CAMERA], budget=3) == []
    assert Retriever(Memory.from_views([])).nearest_cameras([NEW_CAMERA], budget=3) == []


def test_latent_frames_and_pictures_are_chosen_alike():
    places = [(-2.5, -5.0, 1.8), (0.9, -4.5, 2.0), (2.5, -5.0, 1.6)]
    pictures = [view_of(camera_at(p, height=96, width=160)) for p in places]
    latents = [replace(view_of(camera_at(p, height=6, width=10)), patch_size_px=1) for p in places]
    assert chosen_by(Memory.from_views(pictures), budget=1) == chosen_by(Memory.from_views(latents), budget=1)
