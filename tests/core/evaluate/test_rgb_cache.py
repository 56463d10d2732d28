"""The RGB cache as others have it: a view of a cloud of pixels, with the edits and with the sky."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from mosaic_core.evaluate.rgb_cache import PointCache
from mosaic_core.memory import Memory, edits

from ..known_scenes import RED, camera_at, placements_of, room_memory, view_of

CAMERA = camera_at((0.1, -4.9, 1.9), height=64, width=96)


def test_it_shows_the_room_to_a_camera_nearby():
    memory = room_memory(((-1.0, -5.0, 1.8), (0.5, -5.0, 2.0)), height=64, width=96)
    truth = view_of(CAMERA)
    seen = PointCache(memory).rgb(CAMERA, 0.0)
    known = seen.covered & np.isfinite(seen.z_depth) & np.isfinite(truth.z_depth)
    assert known.mean() > 0.6
    off = np.abs(seen.z_depth - truth.z_depth)[known] / truth.z_depth[known]
    assert np.median(off) < 0.02
    assert np.median(np.abs(seen.values - truth.rgb / 255)[known]) < 0.05


def test_an_edit_is_seen_and_what_no_point_reaches_is_filled():
    memory = room_memory(((-1.0, -5.0, 1.8),), height=64, width=96)
    before = PointCache(memory).rgb(CAMERA, 0.0)
    after = PointCache(memory.edited(edits.delete(placements_of(memory, RED)))).rgb(CAMERA, 0.0)
    assert (before.values != after.values).any() and np.isfinite(after.values).all()
    assert after.covered.sum() < before.covered.sum()
    turned = PointCache(memory).rgb(camera_at((0, -5, 1.8), (0, -50, 1.8), height=32, width=48), 0.0)
    assert not turned.covered.any() and np.isfinite(turned.values).all()


def test_the_sky_is_seen_and_infinitely_far():
    seen = PointCache(Memory.from_views([view_of(CAMERA, ())])).rgb(CAMERA, 0.0)
    assert seen.covered.all() and np.isinf(seen.z_depth).all()
