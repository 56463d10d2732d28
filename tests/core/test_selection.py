"""What "that object", "that view" and "this camera" mean, as placement ids."""

from __future__ import annotations

import numpy as np
import pytest

from mosaic_core.errors import EditError
from mosaic_core.memory.edits import translate
from mosaic_core.memory.selection import (
    ids_in_frustum,
    ids_of_objects,
    ids_of_views,
    object_ids_named,
)

from .known_scenes import BLUE, NAMES, RED, camera_at, placements_of, room_memory


@pytest.fixture(scope="module")
def memory():
    return room_memory()


def test_by_object_and_by_view(memory):
    objects = ids_of_objects(memory.placements, memory.patches, {RED, BLUE})
    assert np.array_equal(objects, np.union1d(placements_of(memory, RED), placements_of(memory, BLUE)))
    seen = ids_of_views(memory.placements, memory.patches, [0])
    assert np.array_equal(seen, np.unique(memory.pixel_rows[0][memory.pixel_rows[0] > 0]))


def test_names_become_ids_and_an_unknown_one_is_told_what_there_is():
    assert object_ids_named({**NAMES, 9: "Red Crate"}, ["Red Crate"]) == [RED, 9]
    with pytest.raises(EditError, match="no object 'Door'; it holds Blue Crate, Floor, Red Crate, Wall"):
        object_ids_named(NAMES, ["Wall", "Door"])
    with pytest.raises(EditError, match="no named objects"):
        object_ids_named({}, ["Wall"])


def test_a_camera_has_all_it_captured_in_its_frustum_and_nothing_behind_it(memory):
    inside = ids_in_frustum(memory.placements, memory.patches, memory.views[0].camera)
    own = ids_of_views(memory.placements, memory.patches, [0])
    assert np.isin(own, inside).all()
    away = camera_at((0.0, -5.0, 1.5), target=(0.0, -9.0, 1.5))
    ground = ids_of_objects(memory.placements, memory.patches, NAMES)
    assert not np.isin(ground, ids_in_frustum(memory.placements, memory.patches, away)).any()


def test_a_frustum_goes_by_where_placements_are_now(memory):
    camera = memory.views[0].camera
    red = placements_of(memory, RED)
    gone = memory.edited(translate(red, (0, -50, 0)))
    assert np.isin(red, ids_in_frustum(memory.placements, memory.patches, camera)).any()
    assert not np.isin(red, ids_in_frustum(gone.placements, gone.patches, camera)).any()
