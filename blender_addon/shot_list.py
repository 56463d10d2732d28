"""The scene's list of shots: many paths through one memory, each with its own engine, size, seed and prompts.

The active shot is on the desk: its values are the settings in `scene.mosaic` themselves, and the scene's frame range is
its range, so every panel, path tool and marker is about it. The others wait in the list. Changing the active shot puts
the values of the old one back into its place and takes those of the new one out; nothing is kept twice, and undo sees
it all in one scene. A scene without shots, as every older file has it, is one shot without a name.

Status and progress are no part of it: undo would take them back (see `queue_run`).
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from mosaic_core.engines import DEFAULT_ENGINE
from mosaic_core.errors import GenerateError

from .registry import registration


def _is_camera(_self, obj: bpy.types.Object) -> bool:
    return obj.type == "CAMERA"


class ShotFields:
    """What a shot is, beside its name and its frames: the settings in `scene.mosaic`, and a place in the list."""

    path_camera: PointerProperty(
        name="Path Camera",
        type=bpy.types.Object,
        poll=_is_camera,
        description="The camera whose animation is the path; the scene's camera where empty",
    )
    engine: EnumProperty(
        name="Engine",
        description="What turns the memory into video",
        items=[
            ("preview", "Preview", "Exact image-based rendering of what the memory holds"),
            ("tiny", "Tiny", "The small video model: fills what memory lacks, moves what moves, reads the prompt"),
        ],
        default=DEFAULT_ENGINE,
    )
    width: IntProperty(name="Width", description="Width of the video", default=640, min=16, max=4096, subtype="PIXEL")
    height: IntProperty(
        name="Height", description="Height of the video", default=360, min=16, max=4096, subtype="PIXEL"
    )
    seed: IntProperty(
        name="Seed",
        description="0 is what the model expects where memory is open; another number is another take of it",
        default=0,
        min=0,
    )
    prompt: StringProperty(name="Prompt", description="What the video shows; engines without a model ignore it")
    negative_prompt: StringProperty(
        name="Negative", description="What the video shall not show; engines without a model ignore it"
    )


FIELDS = tuple(ShotFields.__annotations__)


def _on_name(shot: MosaicShot, _context: bpy.types.Context) -> None:
    """Takes and the command line know a shot by its name: no two have the same."""
    unique = _free_name(shot.id_data, shot.name.strip() or "Shot", besides=shot)
    if unique != shot.name:
        shot.name = unique


class MosaicShot(bpy.types.PropertyGroup, ShotFields):
    """A place in the list. While its shot is active only `name` and `enabled` count."""

    name: StringProperty(name="Name", description="What its takes are called after", update=_on_name)
    enabled: BoolProperty(name="In Generate All", description="Generate All makes this shot too", default=True)
    frame_start: IntProperty(name="Start", description="The first frame of the shot", default=1)
    frame_end: IntProperty(name="End", description="The last frame of the shot", default=1)


@dataclass(frozen=True)
class ShotValues:
    """A shot as it is now, wherever it is kept."""

    name: str  # empty for the one shot of a scene without a list
    enabled: bool
    path_camera: str | None
    engine: str
    width: int
    height: int
    seed: int
    prompt: str
    negative_prompt: str
    frame_start: int
    frame_end: int


def shots_of(scene: bpy.types.Scene) -> list[ShotValues]:
    """All shots of the scene, in their order; at least one."""
    settings = scene.mosaic
    if not settings.shots:
        return [_values(settings, scene)]
    return [
        _values(settings, scene, shot) if index == settings.shot_active else _values(shot, shot, shot)
        for index, shot in enumerate(settings.shots)
    ]


def active_shot(scene: bpy.types.Scene) -> ShotValues:
    """The shot on the desk."""
    settings = scene.mosaic
    on_desk = settings.shots[settings.shot_active] if settings.shot_active < len(settings.shots) else None
    return _values(settings, scene, on_desk)


def shot_named(scene: bpy.types.Scene, name: str) -> ShotValues:
    """The shot of that name. Raises `GenerateError` naming those there are."""
    for shot in shots_of(scene):
        if shot.name == name:
            return shot
    known = ", ".join(shot.name for shot in scene.mosaic.shots) or "none"
    raise GenerateError(f"the scene has no shot named {name}, it has: {known}")


def _values(fields, frames, place: MosaicShot | None = None) -> ShotValues:
    values = {name: getattr(fields, name) for name in FIELDS}
    camera_obj = values.pop("path_camera")
    return ShotValues(
        name=place.name if place else "",
        enabled=place.enabled if place else True,
        path_camera=camera_obj.name if camera_obj is not None else None,
        frame_start=frames.frame_start,
        frame_end=frames.frame_end,
        **values,
    )


def on_index(settings, _context: bpy.types.Context) -> None:
    """The artist clicked another shot of the list."""
    activate(settings.id_data, settings.shot_index)


def activate(scene: bpy.types.Scene, index: int) -> None:
    """Put a shot on the desk and the one that was there back into its place."""
    settings = scene.mosaic
    if index == settings.shot_active or not 0 <= index < len(settings.shots):
        return
    if settings.shot_active < len(settings.shots):
        _store(scene)
    _copy(settings.shots[index], settings)
    scene.frame_start, scene.frame_end = settings.shots[index].frame_start, settings.shots[index].frame_end
    settings.shot_active = index
    if settings.shot_index != index:
        settings.shot_index = index


def add_shot(scene: bpy.types.Scene, *, camera_obj: bpy.types.Object | None = None, name: str = "") -> None:
    """Add a shot along a camera and make it active; the scene's first shot is what is on the desk already.

    It begins with the active shot's engine, size and frames.
    """
    settings = scene.mosaic
    if not settings.shots:
        settings.shots.add().name = name or "Shot 1"
        settings.shot_active = settings.shot_index = 0
        return
    _append_copy(scene, _free_name(scene, name or f"Shot {len(settings.shots) + 1}"))
    settings.prompt = settings.negative_prompt = ""
    settings.seed, settings.path_camera = 0, camera_obj


def duplicate_shot(scene: bpy.types.Scene) -> None:
    """Add a copy of the active shot after all others, and make it active."""
    shot = scene.mosaic.shots[scene.mosaic.shot_active]
    _append_copy(scene, _free_name(scene, shot.name))


def remove_shot(scene: bpy.types.Scene) -> None:
    """Take the active shot off the list. Its neighbour is then active; the last one's values stay on the desk."""
    settings = scene.mosaic
    index, last = settings.shot_active, len(settings.shots) - 1
    if last > 0:
        activate(scene, index + 1 if index < last else index - 1)
    settings.shots.remove(index)
    settings.shot_active -= settings.shot_active > index
    settings.shot_active = max(settings.shot_active, 0)
    settings.shot_index = settings.shot_active


def move_shot(scene: bpy.types.Scene, step: int) -> None:
    """Move the active shot up (-1) or down (1) in the list."""
    settings = scene.mosaic
    index, to = settings.shot_active, settings.shot_active + step
    if 0 <= to < len(settings.shots):
        settings.shots.move(index, to)
        settings.shot_active = to
        settings.shot_index = to


def _append_copy(scene: bpy.types.Scene, name: str) -> None:
    _store(scene)
    settings = scene.mosaic
    shot = settings.shots.add()
    _copy(settings, shot)
    shot.name = name
    shot.frame_start, shot.frame_end = scene.frame_start, scene.frame_end
    settings.shot_active = settings.shot_index = len(settings.shots) - 1


def _store(scene: bpy.types.Scene) -> None:
    """Put the desk's values into the place of the active shot."""
    shot = scene.mosaic.shots[scene.mosaic.shot_active]
    _copy(scene.mosaic, shot)
    shot.frame_start, shot.frame_end = scene.frame_start, scene.frame_end


def _copy(source, target) -> None:
    for name in FIELDS:
        setattr(target, name, getattr(source, name))


def _free_name(scene: bpy.types.Scene, name: str, *, besides: MosaicShot | None = None) -> str:
    taken = {shot.name for shot in scene.mosaic.shots if shot != besides}
    stem, _, number = name.rpartition(".")
    stem, count = (stem, int(number)) if stem and number.isdecimal() else (name, 0)
    while name in taken:
        count += 1
        name = f"{stem}.{count:03d}"
    return name


register, unregister = registration(MosaicShot)
