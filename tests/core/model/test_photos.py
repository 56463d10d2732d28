"""Photographs and videos with cameras: one scale for all pictures, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from PIL import Image

from mosaic_core.cameras import CameraPath
from mosaic_core.cli import main
from mosaic_core.errors import MosaicError
from mosaic_core.generate.video import VideoWriter
from mosaic_core.model import photos
from tests.core.known_scenes import room_memory

PLACES = ((0.0, -5.0, 1.8), (0.4, -4.9, 1.8), (0.8, -4.8, 1.8), (1.2, -4.7, 1.8))


@pytest.fixture(scope="module")
def views():
    return room_memory(PLACES).views


def pictures(views):
    return iter([photos.Picture(f"IMG_{n:04d}", v.rgb, v.camera, n / 24) for n, v in enumerate(views, start=1)])


def test_every_picture_is_brought_to_the_scale_of_the_first(views, monkeypatch):
    # An estimate that is right but for another scale in each picture, as the head's is at best.
    estimates = iter([view.z_depth * scale for view, scale in zip(views, (1.0, 0.5, 2.2, 1.4), strict=True)])
    monkeypatch.setattr(photos, "_depth_of", lambda *_: next(estimates))
    memory = photos.memory_of_pictures(pictures(views), None, median_m=4.0)
    for made, true in zip(memory.views, views, strict=True):
        known = np.isfinite(true.z_depth) & np.isfinite(made.z_depth)
        assert np.median(np.abs(made.z_depth[known] / true.z_depth[known] - 1)) < 0.02


def test_a_picture_that_shares_nothing_keeps_its_estimate_and_that_is_said(views, monkeypatch):
    said = []
    away = photos.Picture("away", views[1].rgb, views[1].camera, 1.0)
    turned = np.diag([-1.0, 1, -1, 1])  # looks the other way
    away = photos.Picture("away", away.rgb, type(away.camera)(
        away.camera.intrinsics_px, away.camera.world_from_cam @ turned, *views[1].rgb.shape[:2]), 1.0)  # fmt: skip
    monkeypatch.setattr(photos, "_depth_of", lambda rgb, *_: np.full(rgb.shape[:2], 3.0, np.float32))
    first = photos.Picture("first", views[0].rgb, views[0].camera, 0.0)
    memory = photos.memory_of_pictures(iter([first, away]), None, median_m=3.0, note=said.append)
    assert (memory.views[1].z_depth == 3.0).all()
    assert said == ["away shares too little with the pictures before it: its scale is a guess"]


def test_pictures_belong_to_frames_by_their_numbers_and_every_other_one_is_enough(views, tmp_path):
    for number, view in enumerate(views, start=11):
        Image.fromarray(view.rgb).save(tmp_path / f"DSC_{number}.jpg")
    path = CameraPath(tuple(view.camera for view in views), (11, 12, 13, 14), 24.0)
    found, count = photos.pictures_with_cameras(tmp_path, path, every=2)
    assert count == 2 and [(p.name, round(p.time_s * 24)) for p in found] == [("DSC_11", 0), ("DSC_13", 2)]
    with pytest.raises(MosaicError, match="4 pictures and 3 cameras"):
        photos.pictures_with_cameras(tmp_path, CameraPath(path.cameras[:3], (1, 2, 3), 24.0))


def test_a_video_has_a_camera_a_frame(views, tmp_path):
    height, width = (side // 2 * 2 for side in views[0].rgb.shape[:2])
    with VideoWriter(tmp_path / "clip.mp4", fps=24, image_height=height, image_width=width) as video:
        for view in views[:3]:
            video.add(view.rgb[:height, :width].astype(np.float32) / 255)
    path = CameraPath(tuple(view.camera for view in views[:3]), (5, 6, 7), 24.0)
    found, count = photos.pictures_with_cameras(tmp_path / "clip.mp4", path)
    assert count == 3 and [picture.name for picture in found] == ["clip 0005", "clip 0006", "clip 0007"]
    longer = CameraPath(tuple(view.camera for view in views), (1, 2, 3, 4), 24.0)
    with pytest.raises(MosaicError, match="3 frames and its path 4 cameras"):
        list(photos.pictures_with_cameras(tmp_path / "clip.mp4", longer)[0])


def test_a_video_without_cameras_is_refused_in_one_sentence(tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"")
    assert main(["photo", str(tmp_path / "clip.mp4"), "--out", str(tmp_path / "a.mosaic")]) == 1
    assert "does not find out where a camera was" in capsys.readouterr().err
    assert main(["photo", str(tmp_path), "--out", str(tmp_path / "a.mosaic")]) == 1
    assert "photographs need the cameras" in capsys.readouterr().err
