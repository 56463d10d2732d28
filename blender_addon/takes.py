"""Takes on disk: the folders a job writes into, and what a finished one holds. No datablocks here.

output folder/take_0001/frames/frame_0001.png ... clip.mp4 manifest.json
                       /shot/path.json placements.npz shot.json      what it was made from
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from mosaic_core.errors import GenerateError, WorkerError
from mosaic_core.generate.clip import MANIFEST

from . import compat

_SHOT = "shot"
_FRAME_NAME = re.compile(r"(-?\d+)$")
_TAKE_NAME = re.compile(r"take_(\d{4,})$")
_MAX_TAKES = 1_000_000
_KEPT_LOGS = 20


@dataclass(frozen=True)
class Take:
    """A finished clip on disk."""

    folder: Path
    frame_files: tuple[Path, ...]  # rising frame numbers
    frame_numbers: tuple[int, ...]
    video_file: Path | None

    @property
    def name(self) -> str:
        """What Blender's datablocks of this take are called."""
        return f"Mosaic {self.folder.name}"

    @property
    def is_gapless(self) -> bool:
        """Whether every frame from the first to the last is there."""
        return self.frame_numbers[-1] - self.frame_numbers[0] + 1 == len(self.frame_numbers)


def take_in(folder: Path) -> Take:
    """The take in a folder. Raises `GenerateError` where there is none."""
    found = []
    try:
        for file in (folder / "frames").iterdir():
            match = _FRAME_NAME.search(file.stem.removeprefix("frame_"))
            if file.suffix.lower() == ".png" and match:
                found.append((int(match.group()), file))
    except OSError as error:
        raise GenerateError(
            f"there is no take in {folder}: {error.strerror or error}; generate again, or choose the folder of a take"
        ) from error
    if not found:
        raise GenerateError(f"there is no take in {folder}: its folder of frames is empty, so generate again")
    found.sort()
    video = folder / "clip.mp4"
    return Take(
        folder=folder,
        frame_files=tuple(file for _, file in found),
        frame_numbers=tuple(number for number, _ in found),
        video_file=video if video.is_file() else None,
    )


def takes_in(output_folder: Path) -> list[Path]:
    """The take folders of an output folder, oldest first; empty where there are none."""
    try:
        folders = [entry for entry in output_folder.iterdir() if _TAKE_NAME.match(entry.name) and entry.is_dir()]
    except OSError:
        return []
    return sorted(folders, key=lambda folder: int(folder.name.removeprefix("take_")))


def newest_clip(
    *, output_folder: Path | None = None, take_folder: Path | None = None, shot_name: str = "", scene_id: str = ""
) -> Path | None:
    """The last finished clip of a shot in an output folder, or of exactly `take_folder`; None where there is none.

    Clips of other scenes are left out; those that say no scene may be this one's.
    """
    folders = [take_folder] if take_folder is not None else reversed(takes_in(output_folder) if output_folder else [])
    wanted = ((shot_name, ""), (shot_name, scene_id))
    return next((folder for folder in folders if _shot_and_scene(folder) in wanted), None)


def _shot_and_scene(folder: Path) -> tuple[str, str] | None:
    """What a clip's shot is called and which scene's it is, None where there is no clip."""
    try:
        shot = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["shot"]
        return str(shot.get("name", "")), str(shot.get("scene_id", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def move_to_trash(folder: Path) -> Path:
    """Move a take into the folder `trash` beside it; where it is now. Raises `GenerateError`."""
    trash, number = folder.parent / "trash", 1
    try:
        trash.mkdir(exist_ok=True)
        target = trash / folder.name
        while target.exists():
            number += 1
            target = trash / f"{folder.name}_{number}"
        return folder.rename(target)
    except OSError as error:
        raise GenerateError(f"{folder.name} cannot be moved to {trash}: {error.strerror or error}") from error


def frames_taken_over(folder: Path) -> tuple[int, int]:
    """How many frames of a take were those of an earlier one, and how many it has; 0 of 0 where nobody knows."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return len(manifest["taken_over"]), len(manifest["frames"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


@dataclass(frozen=True)
class TakeFolders:
    """The folders of a job: `take` gets the clip, `shot` inside it holds what the clip is made from."""

    take: Path
    shot: Path
    is_new: bool  # made for this job

    def remove_unfinished(self) -> None:
        """Remove what a job without a clip left; an older clip in the same folder keeps all of its files."""
        shutil.rmtree(self.shot, ignore_errors=True)
        if self.is_new:
            with contextlib.suppress(OSError):  # somebody put something in it: then it stays
                self.take.rmdir()

    def keep_only_this_shot(self) -> None:
        """Remove the shot of an older clip that this job's clip has replaced."""
        for folder in self.take.glob(f"{_SHOT}*"):
            if folder != self.shot and folder.is_dir() and (folder / "shot.json").is_file():
                shutil.rmtree(folder, ignore_errors=True)


def make_folders(*, output_folder: Path | None = None, take_folder: Path | None = None) -> TakeFolders:
    """A new take in `output_folder`, or exactly `take_folder`. Raises `GenerateError` where nothing can be written."""
    target = take_folder or output_folder
    assert target is not None, "a job needs an output folder or a take folder"
    try:
        if take_folder is None:
            target.mkdir(parents=True, exist_ok=True)
            take, is_new = _new_take(target), True
        else:
            take, is_new = target, not target.exists()
            take.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GenerateError(
            f"cannot write to the output folder {target}: {error.strerror or error}; choose another or make room"
        ) from error
    number, shot = 1, take / _SHOT
    while shot.exists():
        number += 1
        shot = take / f"{_SHOT}_{number}"
    return TakeFolders(take, shot, is_new)


def _new_take(output_folder: Path) -> Path:
    takes = takes_in(output_folder)
    first = int(takes[-1].name.removeprefix("take_")) + 1 if takes else 1
    for number in range(first, _MAX_TAKES):
        folder = output_folder / f"take_{number:04d}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue  # a file of that name, or another Blender that took the number just now
    raise GenerateError(f"the output folder {output_folder} is full: it has {_MAX_TAKES} takes, so choose another")


def new_log_file() -> Path:
    """A log of its own for every job, because the report of a failed one is read after the next was started."""
    try:
        folder = compat.user_dir("logs")
        logs = sorted(folder.glob("job-*.log"))
        for old in logs[: max(0, len(logs) - _KEPT_LOGS + 1)]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise WorkerError(f"cannot write the log of the GPU process: {error}; is the disk full?") from error
    return folder / f"job-{time.strftime('%Y%m%d-%H%M%S')}-{time.monotonic_ns() % 1_000_000_000:09d}.log"
