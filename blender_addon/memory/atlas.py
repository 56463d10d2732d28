"""The captured pixels on the quads: one image with a small cell a patch, and a UV map that points into it.

So the memory looks like what was captured, in Solid mode (colour: Texture) and in Material Preview, and a patch
keeps its picture wherever native tools carry it. A cell holds the patch's own pixels. Elsewhere it is transparent, so
that of two patches which share a cell of the view each shows its part; Solid mode knows no transparency and gets the
mean colour there. The picture is for looking only; nothing is read back from it.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

import bpy
import numpy as np

from mosaic_core.conventions import PATCH_SIZE_PX
from mosaic_core.memory import Memory, Placements
from mosaic_core.memory.quads import has_place
from mosaic_core.memory.tone import shown_rgb
from mosaic_core.memory.tone_matching import shown_patch_rgb

UV_MAP = "Pixels"
# 16,384 patches at full resolution, 65,536 at half; making and packing it takes half a second.
MAX_SIDE_PX = 2048


@dataclass(frozen=True, eq=False)
class Atlas:
    """The picture as the bytes of a PNG file."""

    width: int
    height: int
    png: bytes


def atlas_of(memory: Memory) -> Atlas:
    """The picture with a cell for every patch that has a place; no Blender in here."""
    columns, cell = _grid(memory)
    number = _cell_numbers(memory)
    rows = max(-(-int(number.max(initial=-1) + 1) // columns), 1)
    pixels = np.zeros((rows * cell, columns * cell, 4), np.float32)
    pixels[..., :3] = (
        _mean_colours(memory, number, rows * columns).reshape(rows, columns, 3).repeat(cell, 0).repeat(cell, 1)
    )
    for view, row_of_pixel in zip(memory.views, memory.pixel_rows, strict=True):
        row_of_pixel, rgb = (_at_resolution(plane, view.patch_size_px, cell) for plane in (row_of_pixel, view.rgb))
        y, x = np.nonzero(row_of_pixel)
        patch = number[row_of_pixel[y, x] - 1]
        y, x, patch = y[patch >= 0], x[patch >= 0], patch[patch >= 0]
        at = ((patch // columns) * cell + y % cell, (patch % columns) * cell + x % cell)
        pixels[at[0], at[1], :3] = shown_rgb(rgb[y, x], view.tone)
        pixels[at[0], at[1], 3] = 1
    return Atlas(pixels.shape[1], pixels.shape[0], _png(np.rint(pixels * 255).astype(np.uint8)))


def atlas_image(atlas: Atlas, name: str) -> bpy.types.Image:
    """A packed image of it. It takes the name where that is free. Blender's own packing would compress it here."""
    image = bpy.data.images.new(name, atlas.width, atlas.height, alpha=True)
    image.pack(data=atlas.png, data_len=len(atlas.png))
    image.source = "FILE"  # which is the packed one
    image.alpha_mode = "CHANNEL_PACKED"
    return image


def _png(pixels: np.ndarray) -> bytes:  # (H, W, 4) uint8
    """A PNG file, compressed lightly: Blender unpacks it when it is first drawn, and the window waits for that.

    The core's `png_bytes` takes Pillow, which Blender's Python does not have.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = np.zeros((height, 1 + 4 * width), np.uint8)  # each begins with its filter, none
    rows[:, 1:] = pixels.reshape(height, 4 * width)
    packed = zlib.compress(rows.tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def atlas_uv(memory: Memory, placements: Placements) -> np.ndarray:  # (N, 4, 2) float32, Blender's origin bottom left
    """Where in the atlas the four corners of these placements' quads are."""
    columns, _ = _grid(memory)
    number = _cell_numbers(memory)
    rows = max(-(-int(number.max(initial=-1) + 1) // columns), 1)
    index = placements.rows - 1
    uv = np.zeros((len(placements), 4, 2))
    view_of = memory.patches.column("view", index)
    for position, view in enumerate(memory.views):
        mine = np.flatnonzero(view_of == position)
        patch = index[mine]
        corner_px, _ = view.camera.project(memory.patches.column("quad_world", patch).astype(np.float64))
        inside = corner_px / view.patch_size_px - memory.patches.column("cell_yx", patch)[:, None, ::-1]
        origin = np.stack([number[patch] % columns, number[patch] // columns], axis=-1)
        uv[mine] = (origin[:, None] + inside) / [columns, rows]
    uv[..., 1] = 1 - uv[..., 1]
    return np.nan_to_num(uv).astype(np.float32)


def _at_resolution(plane: np.ndarray, patch_size_px: int, cell: int) -> np.ndarray:
    """A view's plane with `cell` pixels across a patch: some left out of pictures, those of latent frames repeated."""
    step, times = max(patch_size_px // cell, 1), max(cell // patch_size_px, 1)
    return plane[::step, ::step].repeat(times, 0).repeat(times, 1)


def _mean_colours(memory: Memory, number: np.ndarray, count: int) -> np.ndarray:  # (count, 3) float32
    colours = np.zeros((count, 3), np.float32)
    colours[number[number >= 0]] = shown_patch_rgb(memory)[number >= 0].mean(axis=1) / 255
    return colours


def _cell_numbers(memory: Memory) -> np.ndarray:  # (P,) int64, -1 = no cell
    """Which cell each patch has; sky has none."""
    placed = has_place(memory.patches)
    return np.where(placed, np.cumsum(placed) - 1, -1)


def _grid(memory: Memory) -> tuple[int, int]:
    """How many cells stand side by side, and how many pixels a cell's side has: 16, 8, ... 1."""
    columns = max(math.ceil(math.sqrt(int(has_place(memory.patches).sum()))), 1)
    cell = PATCH_SIZE_PX
    while cell > 1 and columns * cell > MAX_SIDE_PX:
        cell //= 2
    return columns, cell
