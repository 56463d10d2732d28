"""Makes the pictures of docs/manual anew from the add-on as it is, in a real Blender.

    BLENDER=/path/to/blender python tests/desktop/screenshots.py           # all of them
    BLENDER=/path/to/blender python tests/desktop/screenshots.py --only walk

The filmed walk-through is what the test of the first run plays (scenario_first.py), each click numbered where it goes;
the panels are pictured one by one (scenario_manual.py). Look at every picture before committing it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from harness import FOLDER, DesktopBlender
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(FOLDER.parent.parent))
from build_addon import build

IMAGES = FOLDER.parent.parent / "docs" / "manual" / "images"
WALK_WIDTH_PX = 1000
TABS_PX = 26  # of the sidebar, right of the panels
# The add-on's own part of the preferences: above it Blender shows the folder it lies in, which is this machine's.
PREFERENCES_PX = (170, 255)
_RED = (232, 62, 48)


def ready_blender(folder: Path) -> tuple[DesktopBlender, Path]:
    """A Blender with the extension of this tree, and the artist's scene."""
    executable = shutil.which(os.environ.get("BLENDER", "blender"))
    if executable is None:
        raise SystemExit("screenshots: BLENDER names no desktop Blender")
    desktop = DesktopBlender(str(Path(executable).absolute()), folder / "home")
    desktop.install(build(folder / "zip"))
    scene = folder / "courtyard.blend"
    run = desktop.run("--python-exit-code", "1", "--python", FOLDER / "make_scene.py", "--", scene)
    if run.returncode != 0:
        raise SystemExit(f"screenshots: the scene could not be made\n{run.stdout}{run.stderr}")
    return desktop, scene


def played(desktop: DesktopBlender, scenario: str, scene: Path, folder: Path, **environment: str | None) -> dict:
    """Play a scenario on a copy of the scene; its marks. Ends the program where it fails."""
    folder.mkdir(parents=True)
    result = desktop.play(
        FOLDER / scenario,
        blend_file=Path(shutil.copy(scene, folder)),
        folder=folder / "run",
        shots=folder / "shots",
        limit_s=1500,
        environment=environment,
    )
    if result["error"]:
        raise SystemExit(f"screenshots: {scenario} failed\n{result['error']}")
    return result["marks"]


def numbered(picture: Image.Image, number: int, x: int, y: int) -> Image.Image:
    """The picture with a ring where the click goes, and its number."""
    draw = ImageDraw.Draw(picture)
    for grow, width in ((0, 5), (5, 2)):
        box = (x - 24 - grow, y - 24 - grow, x + 24 + grow, y + 24 + grow)
        draw.ellipse(box, outline=_RED if width == 5 else (255, 255, 255), width=width)
    badge = (max(30, x - 80), y)  # beside the click: above it stands what the panel says about the button
    draw.ellipse((badge[0] - 20, badge[1] - 20, badge[0] + 20, badge[1] + 20), fill=_RED)
    draw.text(badge, str(number), fill="white", anchor="mm", font=ImageFont.load_default(28))
    return picture


def trimmed(picture: Image.Image) -> Image.Image:
    """Without the empty rows at the bottom, which are of one colour."""
    rows = np.asarray(picture).astype(int)[:, 12:-12]
    busy = np.flatnonzero(np.abs(rows - rows[-2:-1]).max(axis=(1, 2)) > 6)
    end = int(busy[busy < picture.height - 4].max(initial=0)) + 12
    return picture.crop((0, 0, picture.width, min(picture.height, end)))


def write_walk(marks: dict, shots: Path) -> None:
    """walk_1.jpg ...: what the artist sees before each click."""
    for name, (x, y, _width, _height) in sorted(marks.items()):
        if not name.startswith("walk_"):
            continue
        picture = numbered(Image.open(shots / f"{name}.png").convert("RGB"), int(name.removeprefix("walk_")), x, y)
        height = round(picture.height * WALK_WIDTH_PX / picture.width)
        picture.resize((WALK_WIDTH_PX, height), Image.Resampling.LANCZOS).save(
            IMAGES / f"{name}.jpg", quality=78, optimize=True
        )


def write_panels(marks: dict, shots: Path) -> None:
    """panel_edit.png ..., view_memory.jpg, preferences.png."""
    for name, (x, y, width, height) in marks.items():
        picture = Image.open(shots / f"{name}.png").convert("RGB").crop((x, y, x + width, y + height))
        if name.startswith("view_"):
            smaller = (900, round(picture.height * 900 / picture.width))
            picture.resize(smaller, Image.Resampling.LANCZOS).save(IMAGES / f"{name}.jpg", quality=80, optimize=True)
        else:
            left, top, tabs = (*PREFERENCES_PX, 0) if name == "preferences" else (0, 0, TABS_PX)
            picture = trimmed(picture.crop((left, top, picture.width - tabs, picture.height)))
            picture.quantize(128).save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Play what is asked for and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("walk", "panels"))
    chosen = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mosaic-manual-") as name:
        folder = Path(name)
        desktop, scene = ready_blender(folder)
        if chosen.only != "panels":
            found = {"MOSAIC_PYTHON": None, "VIRTUAL_ENV": sys.prefix}
            marks = played(desktop, "scenario_first.py", scene, folder / "walk", **found)
            write_walk(marks, folder / "walk" / "shots")
        if chosen.only != "walk":
            marks = played(desktop, "scenario_manual.py", scene, folder / "panels")
            write_panels(marks, folder / "panels" / "shots")
    for file in sorted(IMAGES.iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
