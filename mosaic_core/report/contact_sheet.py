"""A contact sheet: the same frames of several clips below each other, and how much of the last one memory held."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import MosaicError
from ..files import write_atomically
from ..generate.clip import COVERAGE, FRAMES, MANIFEST, coverage_name, frame_name

CELL_WIDTH_PX = 384
GAP_PX = 6
LABEL_HEIGHT_PX = 24
BACKGROUND = (24, 24, 26)
INK = (226, 222, 212)
HOLE = (255, 96, 32)


def write_contact_sheet(clips: Sequence[tuple[str, Path]], file: Path, *, frame_numbers: Sequence[int]) -> None:
    """A row a clip (name and folder), one column a frame, and a row for the coverage of the last clip.

    Raises `MosaicError` for frames that a clip does not have, and `OSError`.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = []
    for name, folder in clips:
        pictures = [_open(folder / FRAMES / frame_name(number)) for number in frame_numbers]
        rows.append((pictures, [f"{name}, frame {number}" for number in frame_numbers]))
    name, folder = clips[-1]
    masks = [_open(folder / COVERAGE / coverage_name(number)).convert("L") for number in frame_numbers]
    marked, held = zip(*(_marked(image, mask) for image, mask in zip(rows[-1][0], masks, strict=True)), strict=True)
    rows.append((marked, [f"coverage {name}: {share:.1%} from memory" for share in held]))
    width, height = rows[0][0][0].size
    cell = (CELL_WIDTH_PX, round(CELL_WIDTH_PX * height / width))
    step = (cell[0] + GAP_PX, cell[1] + LABEL_HEIGHT_PX + GAP_PX)
    sheet = Image.new("RGB", (len(frame_numbers) * step[0] + GAP_PX, len(rows) * step[1] + GAP_PX), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for row, (images, labels) in enumerate(rows):
        for column, (image, label) in enumerate(zip(images, labels, strict=True)):
            at = (GAP_PX + column * step[0], GAP_PX + row * step[1])
            draw.text((at[0] + 2, at[1] + 2), label, fill=INK, font=font)
            sheet.paste(image.resize(cell, Image.Resampling.LANCZOS), (at[0], at[1] + LABEL_HEIGHT_PX))
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    write_atomically(file, stream.getvalue())


def spread_frames(folder: Path, count: int) -> list[int]:
    """The numbers of so many frames of a clip, from its first to its last. Raises `MosaicError` for what is no clip."""
    try:
        numbers = [int(number) for number in json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["frames"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MosaicError(f"{folder} holds no clip: {error}") from error
    if count < 1 or not numbers:
        raise MosaicError(f"a contact sheet needs at least one frame, got {count} of {len(numbers)}")
    last = min(count, len(numbers)) - 1
    return [numbers[round(i * (len(numbers) - 1) / max(last, 1))] for i in range(last + 1)]


def _open(file: Path) -> Any:  # a Pillow image
    from PIL import Image

    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except OSError as error:
        raise MosaicError(f"{file} cannot be read: {error}") from error


def _marked(image: Any, mask: Any) -> tuple[Any, float]:
    """The frame darkened, with what the memory did not hold in orange; and the share it held."""
    from PIL import Image

    dark = Image.blend(Image.new("RGB", image.size, BACKGROUND), image, 0.55)
    holes = mask.point(lambda value: 0 if value > 127 else 255)
    held = sum(mask.histogram()[128:]) / (mask.width * mask.height)
    dark.paste(HOLE, mask=holes)
    return dark, held
