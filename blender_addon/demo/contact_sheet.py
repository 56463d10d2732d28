"""The contact sheet: the same frames before and after the edits, and how much of each the memory held."""

from __future__ import annotations

from pathlib import Path

from mosaic_core.generate.clip import coverage_name, frame_name

CELL_WIDTH_PX = 384
GAP_PX = 6
LABEL_HEIGHT_PX = 24
BACKGROUND = (24, 24, 26)
INK = (226, 222, 212)
HOLE = (255, 96, 32)


def write_contact_sheet(before_folder: Path, after_folder: Path, file: Path, *, frame_numbers: list[int]) -> None:
    """Write rows "before", "after" and "coverage" of the two clips, one column a frame. Raises `OSError`."""
    from PIL import Image, ImageDraw, ImageFont

    before = [_open(before_folder / "frames" / frame_name(number)) for number in frame_numbers]
    after = [_open(after_folder / "frames" / frame_name(number)) for number in frame_numbers]
    masks = [_open(after_folder / "coverage" / coverage_name(number)).convert("L") for number in frame_numbers]
    marked, held = zip(*(_marked(image, mask) for image, mask in zip(after, masks, strict=True)), strict=True)
    rows = [
        (before, [f"before, frame {number}" for number in frame_numbers]),
        (after, [f"after, frame {number}" for number in frame_numbers]),
        (marked, [f"coverage after: {share:.1%} from memory" for share in held]),
    ]
    width, height = before[0].size
    cell = (CELL_WIDTH_PX, round(CELL_WIDTH_PX * height / width))
    step = (cell[0] + GAP_PX, cell[1] + LABEL_HEIGHT_PX + GAP_PX)
    sheet = Image.new("RGB", (len(frame_numbers) * step[0] + GAP_PX, len(rows) * step[1] + GAP_PX), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for row, (images, labels) in enumerate(rows):
        for column, (image, label) in enumerate(zip(images, labels, strict=True)):
            at = (GAP_PX + column * step[0], GAP_PX + row * step[1])
            draw.text((at[0] + 2, at[1] + 2), label, fill=INK, font=font)
            sheet.paste(image.resize(cell, Image.Resampling.LANCZOS), (at[0], at[1] + LABEL_HEIGHT_PX))
    sheet.save(file, format="PNG")


def _open(file: Path):
    from PIL import Image

    with Image.open(file) as image:
        return image.convert("RGB")


def _marked(image, mask):
    """The frame darkened, with what the memory did not hold in orange; and the share it held."""
    from PIL import Image

    dark = Image.blend(Image.new("RGB", image.size, BACKGROUND), image, 0.55)
    holes = mask.point(lambda value: 0 if value > 127 else 255)
    held = sum(mask.histogram()[128:]) / (mask.width * mask.height)
    dark.paste(HOLE, mask=holes)
    return dark, held
