"""Reads the OpenEXR files that Blender writes.

Blender's Python has no EXR library, its image datablocks show no passes of a multi-layer file, and the compositor, the
usual way around, has another API in each version. `mosaic_core.exr` reads the plain kinds, the same in 4.2 .. 5.2.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mosaic_core.errors import CaptureError, FormatError
from mosaic_core.exr import read_exr as channels_of


def read_exr(file: Path) -> dict[str, np.ndarray]:  # channel name -> (H, W) float32, top row first
    """Every channel of a render. Raises `CaptureError` where it is missing, damaged or of an unexpected kind."""
    try:
        return channels_of(file.read_bytes())
    except OSError as error:
        raise CaptureError(f"Blender's render {file.name} cannot be read back: {error}; is the disk full?") from error
    except FormatError as error:
        raise CaptureError(f"Blender's render {file.name}: {error}") from error
