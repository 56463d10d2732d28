"""A folder of glTF assets: what each may be used for, judged by its name and its size, and what to call it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import mathutils
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.train.compose import COLOURS

SUFFIXES = (".glb", ".gltf")
_FLOORS, _WALLS = {"floor", "ground", "road", "tile", "base"}, {"wall", "fence"}
# Words the model knows for what asset packs say.
_NOUNS = {"keg": "barrel", "trunk": "chest", "crates": "crate", "shelves": "shelf", "column": "pillar"}
_ADJECTIVES = {"large": "big", "long": "big", "small": "small", "gold": "yellow"} | {name: name for name in COLOURS}


@dataclass(frozen=True)
class Assets:
    """The files of a folder, in alphabetical order."""

    floors: tuple[Path, ...]
    walls: tuple[Path, ...]
    props: tuple[tuple[Path, ...], ...]  # by noun: a pack has forty banners and one stool


@dataclass(frozen=True, eq=False)
class Piece:
    """An imported asset: one mesh with +Z up, and the box around it."""

    file: Path
    mesh: bpy.types.Mesh
    low_m: np.ndarray  # (3,)
    high_m: np.ndarray  # (3,)

    @property
    def size_m(self) -> np.ndarray:  # (3,)
        """Width, depth and height."""
        return self.high_m - self.low_m


def assets_in(folder: Path) -> Assets:
    """What a folder holds. Raises `MosaicError` where there is no asset."""
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise MosaicError(f"expected a folder with .glb or .gltf files, found none in {folder}")
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(_words(file)[0], []).append(file)
    floors = [file for word in sorted(_FLOORS) for file in groups.pop(word, [])]
    walls = [file for word in sorted(_WALLS) for file in groups.pop(word, [])]
    return Assets(tuple(floors), tuple(walls), tuple(tuple(groups[noun]) for noun in sorted(groups)))


def name_of(file: Path) -> str:
    """What a caption calls an asset: "chest_gold.glb" is a yellow chest."""
    noun, *others = _words(file)
    adjectives = dict.fromkeys(_ADJECTIVES[word] for word in others if word in _ADJECTIVES)
    return " ".join([*list(adjectives)[:1], _NOUNS.get(noun, noun)])


def _words(file: Path) -> list[str]:
    return file.name.partition(".")[0].lower().replace("-", "_").split("_")


def import_piece(file: Path, scale: float) -> Piece:
    """Read one asset, joined into one mesh that no object uses yet, so many times its size. Raises `MosaicError`."""
    known = set(bpy.data.objects)
    try:
        bpy.ops.import_scene.gltf(filepath=str(file))
    except RuntimeError as error:
        raise MosaicError(f"{file} cannot be imported: {' '.join(str(error).split())}") from error
    bpy.context.view_layer.update()
    imported = [obj for obj in bpy.data.objects if obj not in known]
    parts = [obj for obj in imported if obj.type == "MESH" and len(obj.data.vertices)]
    if not parts:
        raise MosaicError(f"{file} cannot be used: it holds no mesh")
    if len(parts) > 1:
        with bpy.context.temp_override(active_object=parts[0], object=parts[0], selected_editable_objects=parts):
            bpy.ops.object.join()
    mesh, matrix = parts[0].data, parts[0].matrix_world.copy()
    for obj in [obj for obj in bpy.data.objects if obj not in known]:
        bpy.data.objects.remove(obj)
    mesh.transform(mathutils.Matrix.Scale(scale, 4) @ matrix)
    points = np.zeros(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    points = points.reshape(-1, 3)
    return Piece(file, mesh, points.min(axis=0), points.max(axis=0))
