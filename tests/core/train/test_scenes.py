"""Procedural scenes: what is rendered is what the scene says, pixel for pixel."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.cameras.camera import look_at  # noqa: E402
from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.train.clips import EDIT_FRAME, FPS, make_clip, random_edit, read_clip, write_clips  # noqa: E402
from mosaic_core.train.compose import random_scene  # noqa: E402
from mosaic_core.train.paths import random_cameras  # noqa: E402
from mosaic_core.train.ray_casting import render  # noqa: E402
from mosaic_core.train.scenes import Light, LightChange, Scene, Texture, Thing  # noqa: E402

HEIGHT, WIDTH, FOCAL_PX = 15, 25, 22.0
GREY = Texture.plain((0.6, 0.6, 0.6))
BALL = Thing("ball", (0.3, 0.4, 0.7), (0.7, 0.7, 0.7), GREY)
THINGS = (
    Thing("box", (-1.2, 0.5, 0.5), (0.4, 0.6, 0.5), GREY, yaw=0.5),
    BALL,
    Thing("cylinder", (1.6, 0.2, 0.6), (0.4, 0.4, 0.6), GREY),
)


def film(scene: Scene, *, position=(0.2, -5.0, 1.9), target=(0.1, 0.5, 0.5), times_s=(0.0,), size=(HEIGHT, WIDTH)):
    height, width = size
    focal = FOCAL_PX * width / WIDTH
    intrinsics = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    pose = torch.from_numpy(look_at(np.array(position), np.array(target))).float()
    count = len(times_s)
    return render(
        scene,
        intrinsics.repeat(count, 1, 1),
        pose.repeat(count, 1, 1),
        torch.tensor(times_s),
        image_height=height,
        image_width=width,
    )


@pytest.mark.slow
@pytest.mark.parametrize("room", [None, (4.0, 6.0, 3.0)])
def test_depth_and_ids_equal_a_loop_over_pixels(room):
    scene = Scene(THINGS, GREY, room_half_m=room)
    shown = film(scene)
    pose = look_at(np.array((0.2, -5.0, 1.9)), np.array((0.1, 0.5, 0.5)))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            ray = pose[:3, :3] @ [(x + 0.5 - WIDTH / 2) / FOCAL_PX, (y + 0.5 - HEIGHT / 2) / FOCAL_PX, 1]
            depth, object_id = _first_hit(scene, pose[:3, 3], ray)
            assert shown.object_ids[0, y, x] == object_id, (x, y)
            assert shown.z_depth[0, y, x] == pytest.approx(depth, rel=1e-4)


def _first_hit(scene: Scene, origin, ray) -> tuple[float, int]:
    """Step along the ray through every surface in turn."""
    hits = []
    if ray[2] < 0:
        hits.append((-origin[2] / ray[2], 1))
    if scene.room_half_m:
        for axis, half in enumerate(scene.room_half_m):
            for side in (-1, 1) if axis < 2 else (1,):
                if ray[axis] * side > 0:
                    hits.append(((side * half - origin[axis]) / ray[axis], 2))
    for index, thing in enumerate(scene.things):
        cosine, sine = math.cos(thing.yaw), math.sin(thing.yaw)
        turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
        o, d = turn @ (origin - np.array(thing.centre)), turn @ ray
        inside = {"box": _in_box, "ball": _in_ball, "cylinder": _in_cylinder}[thing.kind]
        steps = [t for t in np.arange(2.0, 9.0, 0.01) if inside(o + t * d, thing.half_size)]
        if steps:  # then halve the step in which the ray enters
            low, high = steps[0] - 0.01, steps[0]
            for _ in range(40):
                middle = (low + high) / 2
                low, high = (low, middle) if inside(o + middle * d, thing.half_size) else (middle, high)
            hits.append((high, 3 + index))
    return min(hits, default=(math.inf, 0))


def _in_box(p, half):
    return (np.abs(p) <= half).all()


def _in_ball(p, half):
    return np.linalg.norm(p) <= half[0]


def _in_cylinder(p, half):
    return np.linalg.norm(p[:2]) <= half[0] and abs(p[2]) <= half[2]


def test_what_moves_is_where_its_speed_takes_it():
    ball = replace(BALL, velocity=(0.5, 0.0, 0.0), starts_s=1.0, stops_s=2.0)
    frames = film(Scene((ball,), GREY), times_s=(0.5, 1.5, 5.0))
    for index, shift in enumerate((0.0, 0.25, 0.5)):
        still = film(Scene((replace(BALL, centre=(0.3 + shift, 0.4, 0.7)),), GREY))
        # Frames made together are cut into vectors elsewhere, and some processors round the last bit otherwise there.
        torch.testing.assert_close(frames.z_depth[index], still.z_depth[0], rtol=1e-5, atol=0)
        assert torch.allclose(frames.rgb[index], still.rgb[0], atol=1e-5)
    assert torch.equal(frames.dynamic, frames.object_ids == 3)
    assert not film(Scene((BALL,), GREY)).dynamic.any()


def test_things_cast_shadows_and_a_deleted_thing_casts_none():
    scene = Scene((BALL,), GREY, Light(direction=(0.0, 0.0, 1.0)))
    above = {"position": (0.3, -3.0, 6.0), "target": (0.3, 0.4, 0.0)}
    shown, without = film(scene, **above), film(scene.deleted(0), **above)
    ground = shown.object_ids[0] == 1
    brightness = shown.rgb[0].mean(-1)
    assert brightness[ground].min() < 0.7 * brightness[ground].max()
    assert (without.object_ids == 1).all()
    assert torch.allclose(without.rgb, without.rgb[:, :1, :1].expand_as(without.rgb), atol=1e-5)


def test_an_edited_scene_differs_only_where_the_edit_is_seen():
    scene = Scene(THINGS, GREY, Light(direction=(0.0, 0.0, 1.0)))
    before, moved, copied = film(scene), film(scene.moved(2, (0.0, 1.5, 0.0))), film(scene.copied(2, (0.0, 1.5, 0.0)))
    assert (
        torch.equal(copied.object_ids == 5, film(scene.moved(2, (0.0, 1.5, 0.0)).deleted(0).deleted(1)).object_ids == 5)
        or (copied.object_ids == 5).any()
    )
    left = slice(0, WIDTH // 2)
    assert torch.equal(before.rgb[:, :, left], moved.rgb[:, :, left])
    assert (before.object_ids == 5).sum() > (moved.object_ids == 5).sum() > 0, "farther away is smaller"


def test_light_changes_over_time_and_fog_hides_what_is_far():
    dark = Light(sun_rgb=(0, 0, 0), ambient_rgb=(0.1, 0.1, 0.1))
    scene = Scene((BALL,), GREY, light_change=LightChange(dark, 1.0, 3.0))
    frames = film(scene, times_s=(0.0, 1.0, 2.0, 3.0, 9.0)).rgb.mean((1, 2, 3))
    assert frames[0] == frames[1] > frames[2] > frames[3] == frames[4]
    foggy = film(Scene((), GREY, Light(fog_per_m=0.5, horizon_rgb=(0.9, 0.9, 0.9))))
    far = torch.isfinite(foggy.z_depth) & (foggy.z_depth > 12)
    assert (foggy.rgb[far] > 0.85).all()


def test_waves_narrower_than_a_pixel_fade_instead_of_flickering():
    stripes = Texture((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ((0.0, 60.0, 0.0),), (0.0,))
    shown = film(Scene((), stripes, Light(direction=(0, 0, 1.0))), size=(48, 80))
    near, far = (shown.rgb[0][(shown.z_depth[0] > a) & (shown.z_depth[0] < b)] for a, b in ((0.0, 4.5), (30.0, 90.0)))
    assert far.std() < 0.01 < near.std()


@pytest.mark.parametrize("seed", range(6))
def test_a_seed_makes_the_same_scene_and_a_camera_with_something_to_see(seed):
    scene = random_scene(seed)
    assert scene == random_scene(seed)
    assert scene.kind in scene.caption
    size = {"image_height": 36, "image_width": 64}
    cameras = random_cameras(scene, seed, frames=6, fps=2.0, **size)
    again = random_cameras(scene, seed, frames=6, fps=2.0, **size)
    assert np.array_equal(cameras.world_from_cam, again.world_from_cam)
    shown = render(
        scene,
        torch.from_numpy(cameras.intrinsics_px).float(),
        torch.from_numpy(cameras.world_from_cam).float(),
        torch.from_numpy(cameras.times_s).float(),
        **size,
    )
    assert shown.rgb.min() >= 0 and shown.rgb.max() <= 1 and torch.isfinite(shown.rgb).all()
    assert shown.z_depth.min() > 0.05, "the camera stands in something"
    assert torch.isfinite(shown.z_depth).float().mean() > 0.2


def test_scenes_are_of_all_kinds_and_have_events():
    scenes = [random_scene(seed) for seed in range(60)]
    assert {scene.kind for scene in scenes} == {"room", "street", "landscape"}
    captions = " ".join(scene.caption for scene in scenes)
    for event in ("rolls in", "moves", "dusk", "fog", "night"):
        assert event in captions


@pytest.mark.parametrize("seed", [810, 813])
def test_an_edit_does_not_depend_on_the_size_of_the_picture(seed):
    """Regression: of a picture of 256x144 only the upper left sixteenth was looked at; few clips were edited."""
    scene, edits = random_scene(seed), []
    for size in ({"image_height": 36, "image_width": 64}, {"image_height": 144, "image_width": 256}):
        cameras = random_cameras(scene, seed, frames=20, fps=FPS, **size)
        edits.append(random_edit(scene, cameras, np.random.default_rng(seed)))
    assert edits[0] is not None and edits[0] == edits[1]


@pytest.mark.slow
def test_clips_come_back_from_disk_and_edited_ones_change_when_they_say(tmp_path):
    clips = {}
    for seed in range(12):
        clip = make_clip(seed, image_height=36, image_width=64)
        clips.setdefault(str(clip.edit), (seed, clip))
    assert len(clips) >= 3
    for seed, clip in clips.values():
        plain = make_clip(seed, image_height=36, image_width=64, edited_share=0.0)
        same = [bool(np.array_equal(a, b)) for a, b in zip(clip.rgb, plain.rgb, strict=True)]
        assert all(same[:EDIT_FRAME])
        assert all(same) == (str(clip.edit) == "none")
    (file,) = write_clips(tmp_path, range(3, 4), image_height=36, image_width=64)
    assert np.array_equal(read_clip(file).rgb, make_clip(3, image_height=36, image_width=64).rgb)
    file.write_bytes(b"nonsense")
    with pytest.raises(MosaicError, match="no clip of training data"):
        read_clip(file)
