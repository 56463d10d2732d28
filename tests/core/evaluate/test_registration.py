"""Known motions of the camera are found again, in pictures that are darker, blurred, or moving themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mosaic_core.errors import EvaluateError
from mosaic_core.evaluate.registration import camera_error

from ..known_scenes import RED, ROOM, camera_at, view_of
from .textured import blurred, displaced, textured_view

CAMERA = camera_at((0.5, -5.0, 1.8), height=144, width=256)
RGB, Z_DEPTH = textured_view(CAMERA)
MEDIAN_M = float(np.median(Z_DEPTH[np.isfinite(Z_DEPTH)]))


def seen_from(turn_deg=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """The picture from a displaced camera; the shift is a share of the median depth."""
    return textured_view(displaced(CAMERA, turn_deg=turn_deg, shift_m=np.multiply(shift, MEDIAN_M)))[0]


def test_no_motion_is_found_where_there_is_none():
    found = camera_error(RGB, RGB, Z_DEPTH, CAMERA)
    assert found.converged
    assert found.rotation_deg < 0.02
    assert found.translation < 0.0005


@pytest.mark.parametrize(
    ("turn_deg", "shift"),
    [
        ((0.0, 1.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.02)),
        ((0.6, 0.0, -0.8), (0.016, -0.012, 0.0)),
        ((2.0, -3.0, 1.0), (-0.03, 0.02, 0.05)),
        ((0.0, 6.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, -14.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.15, 0.0, 0.0)),
    ],
)
def test_known_motions_are_recovered(turn_deg, shift):
    found = camera_error(seen_from(turn_deg, shift), RGB, Z_DEPTH, CAMERA)
    assert found.converged
    assert found.rotation_deg == pytest.approx(np.linalg.norm(turn_deg), rel=0.1, abs=0.02)
    assert found.translation == pytest.approx(np.linalg.norm(shift), rel=0.1, abs=0.0005)


def test_brightness_and_blur_matter_little():
    image = 0.9 * blurred(seen_from((0.0, 0.6, 0.8), (0.02, 0.0, 0.0)), 5) + 0.03
    found = camera_error(image, RGB, Z_DEPTH, CAMERA)
    assert found.converged
    assert found.rotation_deg == pytest.approx(1.0, rel=0.05)
    assert found.translation == pytest.approx(0.02, rel=0.05)


def test_blur_alone_is_not_taken_for_motion():
    # Outlines mix two depths when blurred; taken for points of one, they read as 0.04 degrees.
    found = camera_error(blurred(RGB, 5), RGB, Z_DEPTH, CAMERA)
    assert found.rotation_deg < 0.03
    assert found.translation < 0.0005


def test_the_camera_is_told_from_things_that_move():
    moved = tuple(box.moved((0.4, 0.0, 0.0)) if box.object_id == RED else box for box in ROOM)
    image, _ = textured_view(CAMERA, moved)
    found = camera_error(image, RGB, Z_DEPTH, CAMERA, valid=view_of(CAMERA).object_ids != RED)
    assert found.converged
    assert found.rotation_deg < 0.05
    assert found.translation < 0.002


def test_the_sky_tells_the_rotation_and_no_distance():
    up = camera_at((0.0, -5.0, 1.8), (0.0, -4.0, 6.0), height=144, width=256)
    template, z_depth = textured_view(up)
    assert not np.isfinite(z_depth).any()
    found = camera_error(textured_view(displaced(up, turn_deg=(0.0, 1.0, 0.0)))[0], template, z_depth, up)
    assert found.converged
    assert found.rotation_deg == pytest.approx(1.0, rel=0.1)
    assert math.isnan(found.translation)


def test_a_picture_of_something_else_does_not_converge():
    noise = blurred(np.random.default_rng(1).random(RGB.shape), 2)
    for image in (noise, np.full_like(RGB, 0.5), RGB[:, ::-1]):
        assert not camera_error(image, RGB, Z_DEPTH, CAMERA).converged
    nowhere = camera_error(RGB, RGB, Z_DEPTH, CAMERA, valid=np.zeros(Z_DEPTH.shape, bool))
    assert not nowhere.converged
    assert math.isnan(nowhere.rotation_deg)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(EvaluateError, match="camera's"):
        camera_error(RGB[:-1], RGB, Z_DEPTH, CAMERA)
    with pytest.raises(EvaluateError, match="finite"):
        camera_error(np.full_like(RGB, np.nan), RGB, Z_DEPTH, CAMERA)
