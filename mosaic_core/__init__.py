"""Mosaic's core: the spatial memory, its readout, and the engines that turn it into video.

Knows nothing of Blender. Importing it costs nothing: no NumPy, no torch, so that the add-on's process client
(standard library only) can live here too. Import from the sub-packages: `mosaic_core.cameras`,
`mosaic_core.memory`, `mosaic_core.engines`, `mosaic_core.generate`, `mosaic_core.worker`.
"""

from .version import VERSION

__all__ = ["VERSION"]
