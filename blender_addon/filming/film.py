"""Films a composed scene into a `Clip`: pictures by Workbench or Cycles, ids and depth by the capture's exact pass."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import mathutils
import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.errors import MosaicError
from mosaic_core.train.clips import EDIT_FRAME, FPS, Clip, Edit, clip_file, random_edit, save_clip
from mosaic_core.train.paths import CLEARANCE_M, Cameras, gap_m, random_cameras
from mosaic_core.train.scenes import FIRST_THING, Scene

from ..cameras import blender_of_world_from_cam
from ..capture.palette import Palette
from ..capture.passes import ExactPass, render_exact, render_picture
from ..capture.stage import staged
from .assets import Assets, assets_in
from .composing import Composed, compose
from .look import CYCLES, CYCLES_SAMPLES, SUPERSAMPLING, WORKBENCH, set_look

# Fewer than a clip that is ray-cast has, over the same path: each takes a third of a second and more.
FRAMES = 24
# A clip by Cycles takes three times as long as one by Workbench.
CYCLES_SHARE = 0.25
EDITED_SHARE = 0.6
IN_VIEW_SHARE = 0.8


def film_clips(
    folder: Path,
    assets_folder: Path,
    seeds: range,
    *,
    image_height: int = 144,
    image_width: int = 256,
    cycles_share: float = CYCLES_SHARE,
    say: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Film these scenes into a folder, a file a seed; files that are there are kept. Returns all of them. Needs the
    registered add-on and replaces the open file. Raises `MosaicError`.
    """
    assets = assets_in(assets_folder)
    files = [clip_file(folder, seed) for seed in seeds]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, seed in zip(files, seeds, strict=True):
            if file.exists():
                continue
            engine = CYCLES if np.random.default_rng((seed, 12)).random() < cycles_share else WORKBENCH
            size = {"image_height": image_height, "image_width": image_width}
            clip = film_clip(assets, seed, place=assets_folder.resolve().name, engine=engine, **size)
            save_clip(file, clip)
            say(f"{file.name}: {clip.caption}, {clip.edit}, {engine.removeprefix('BLENDER_').title()}")
    except OSError as error:
        raise MosaicError(f"cannot write to {folder}: {error.strerror or error}") from error
    return files


def film_clip(
    assets: Assets,
    seed: int,
    *,
    place: str,  # what captions call the whole
    image_height: int,
    image_width: int,
    engine: str = WORKBENCH,
    edit: str | None = None,  # one of EDITS, as far as the scene has a thing to edit; None = drawn
) -> Clip:
    """Film one scene. Needs the registered add-on and replaces the open file. Raises `MosaicError`."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    composed = compose(assets, place, seed)
    set_look(bpy.context.scene, engine, seed)
    size = {"image_height": image_height, "image_width": image_width}
    cameras = _clear_cameras(composed.scene, seed, **size)
    rng = np.random.default_rng((seed, 2))
    unedited = rng.random() >= EDITED_SHARE if edit is None else edit == "none"
    change = None if unedited else random_edit(composed.scene, cameras, rng, kind=edit)
    before = _film(composed, cameras, range(EDIT_FRAME), engine=engine, **size)
    if change is not None:
        _apply(composed, change)
    after = _film(composed, cameras, range(EDIT_FRAME, FRAMES), engine=engine, **size)
    return _clip(composed, cameras, before + after, change)


def _clear_cameras(scene: Scene, seed: int, *, image_height: int, image_width: int) -> Cameras:
    """A move that keeps clear of things and mostly has some in view: full rooms need more tries than one call makes."""
    best, best_score = None, -np.inf
    for attempt in range(12):
        cameras = random_cameras(
            scene,
            seed + attempt * 10**9,
            frames=FRAMES,
            fps=FPS,
            image_height=image_height,
            image_width=image_width,
        )
        gap = gap_m(scene, cameras.world_from_cam[:, :3, 3]) / (CLEARANCE_M / 2)
        in_view = _share_with_things(scene, cameras, image_height, image_width) / IN_VIEW_SHARE
        score = min(gap, 1.0) + min(in_view, 1.0)
        if score > best_score:
            best, best_score = cameras, score
        if score == 2.0:
            break
    assert best is not None
    return best


def _share_with_things(scene: Scene, cameras: Cameras, image_height: int, image_width: int) -> float:
    """Of the frames, how many have the middle of a thing within the picture."""
    middles = np.array([thing.centre for thing in scene.things])
    count = 0
    for intrinsics_px, world_from_cam in zip(cameras.intrinsics_px, cameras.world_from_cam, strict=True):
        uv, z_depth = Camera(intrinsics_px, world_from_cam, image_height, image_width).project(middles)
        inside = (z_depth > 0) & (uv >= 0).all(axis=-1) & (uv < (image_width, image_height)).all(axis=-1)
        count += bool(inside.any())
    return count / len(cameras.world_from_cam)


def _apply(composed: Composed, change: Edit) -> None:
    """Do to the prop what the plan says of its box."""
    prop = composed.props[change.index]
    if change.kind == "deleted":
        prop.hide_render = True
        return
    if change.kind == "copied":
        object_id = FIRST_THING + len(composed.props)
        prop = composed.add(prop.data, object_id, tuple(prop.location), prop.rotation_euler[2])
    prop.location += mathutils.Vector(change.offset_m)


_Frame = tuple[np.ndarray, np.ndarray, ExactPass]  # (H, W, 3) uint8, (H, W) uint8 ids


def _film(
    composed: Composed, cameras: Cameras, frames: range, *, engine: str, image_height: int, image_width: int
) -> list[_Frame]:
    """Render some frames of the scene as it is now."""
    camera, finer = _blender_camera(), SUPERSAMPLING[engine]
    palette = Palette(obj for obj in bpy.context.scene.objects if obj.name in composed.ids)
    id_of_index = np.array([0, *(composed.ids[name] for name in palette.names)], np.uint8)
    films: list[_Frame] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mosaic-film-")))
        show, measure = (
            stack.enter_context(
                staged(
                    bpy.context.scene,
                    bpy.context.view_layer.name,
                    camera=camera,
                    frame=1,
                    image_height=image_height * scale,
                    image_width=image_width * scale,
                )
            )
            for scale in (finer, 1)
        )
        show.scene.render.use_persistent_data = engine == CYCLES
        for frame in frames:
            _place(camera, cameras, frame, image_width)
            show.scene.cycles.seed = frame
            rgb = render_picture(show, folder / "picture.png", engine=engine, samples=CYCLES_SAMPLES)
            exact = render_exact(
                measure, folder / "exact.exr", palette=palette, like_engine=engine, with_surfaces=False
            )
            films.append((_averaged(rgb, finer), id_of_index[exact.indices], exact))
    return films


def _blender_camera() -> bpy.types.Object:
    data = bpy.data.cameras.new("Camera")
    data.sensor_fit, data.clip_start, data.clip_end = "HORIZONTAL", 0.05, 2000.0
    camera = bpy.data.objects.new("Camera", data)
    bpy.context.scene.collection.objects.link(camera)
    return camera


def _place(camera: bpy.types.Object, cameras: Cameras, frame: int, image_width: int) -> None:
    """Make Blender's camera one of the move's."""
    camera.matrix_world = mathutils.Matrix(blender_of_world_from_cam(cameras.world_from_cam[frame]))
    camera.data.lens = camera.data.sensor_width * float(cameras.intrinsics_px[frame, 0, 0]) / image_width


def _averaged(rgb: np.ndarray, finer: int) -> np.ndarray:  # (H, W, 3) uint8
    height, width = rgb.shape[0] // finer, rgb.shape[1] // finer
    return np.rint(rgb.reshape(height, finer, width, finer, 3).mean(axis=(1, 3))).astype(np.uint8)


def _clip(composed: Composed, cameras: Cameras, films: list[_Frame], change: Edit | None) -> Clip:
    seen: list[Camera] = [exact.camera for _, _, exact in films]
    ids = np.stack([ids for _, ids, _ in films])
    return Clip(
        rgb=np.stack([rgb for rgb, _, _ in films]),
        z_depth=np.stack([exact.z_depth for _, _, exact in films]).astype(np.float16),
        object_ids=ids,
        dynamic=np.zeros(ids.shape, bool),
        intrinsics_px=np.stack([camera.intrinsics_px for camera in seen]).astype(np.float32),
        world_from_cam=np.stack([camera.world_from_cam for camera in seen]).astype(np.float32),
        times_s=cameras.times_s.astype(np.float32),
        caption=np.array(composed.scene.caption),
        edit=np.array(change.kind if change else "none"),
        edited_id=np.array(FIRST_THING + change.index if change else 0, np.int32),
        edit_offset_m=np.array(change.offset_m if change else (0.0, 0.0, 0.0), np.float32),
    )
