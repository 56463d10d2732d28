"""Cameras and camera paths: `Camera`, `CameraPath`, and the path file Mosaic writes."""

from .camera import Camera
from .path import CameraPath
from .path_file import load_path, save_path

__all__ = ["Camera", "CameraPath", "load_path", "save_path"]
