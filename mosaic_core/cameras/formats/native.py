"""Mosaic's own path file among the others: it holds everything a path has."""

from __future__ import annotations

from ..path import CameraPath
from ..path_file import path_from_json, path_to_json
from .base import Documents, Format, Gaps, json_bytes, json_of


def _matches(documents: Documents) -> bool:
    return json_of(documents[""])["format"] == "mosaic-path"


def _read(documents: Documents, _gaps: Gaps) -> CameraPath:
    return path_from_json(json_of(documents[""]))


def _write(path: CameraPath) -> Documents:
    return {"": json_bytes(path_to_json(path))}


FORMAT = Format("mosaic", "Mosaic camera path", _matches, _read, _write)
