"""Takes: listed a shot, made again, retaken in part, compared, and thrown away without losing them."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import take_facts
from mosaic_core.images import read_depth_exr
from tests.worker.fake_jobs import FAKE_COMMAND, SHORT

from .job_scenes import finish, make_take, ready_scene, start_fake
from .memory_scenes import select_object
from .test_panel import drawn


@pytest.fixture
def takes(tmp_path, monkeypatch):
    """The folder of a ready scene's takes; jobs are made by a fake process."""
    from blender_addon import compat, jobs, queue_run

    def user_dir(folder: str = "") -> Path:
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    def launch(*arguments, **options):
        return jobs.launch(*arguments, **options, command=[*FAKE_COMMAND, "ok"], limits=SHORT)

    monkeypatch.setattr(compat, "user_dir", user_dir)
    monkeypatch.setattr(queue_run._runtime, "launch", launch, raising=False)
    ready_scene(tmp_path)
    yield tmp_path / "takes"
    jobs.stop()
    queue_run.clear()


def described(folder: Path, *, shot: str = "", seed: int = 0, frames=(1, 2, 3)) -> Path:
    """A take with a manifest as the core writes it, as far as the panel reads it."""
    make_take(folder, frames)
    document = {
        "shot": {
            "name": shot,
            "engine": "tiny",
            "seed": seed,
            "retake": [2, 2],
            "prompts": [
                {"text": "a yard", "start_s": 0.0, "end_s": None},
                {"text": "fog", "start_s": 0.5, "end_s": None, "strength": 0.5},
            ],
        },
        "image_width": 64,
        "image_height": 36,
        "fps": 24.0,
        "made": "2026-01-02T03:04:05+00:00",
        "timings_s": {"frames": 7.4},
        "taken_over": [1, 3],
        "frames": list(frames),
    }
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder


def test_a_take_says_how_it_was_made(takes):
    described(takes / "take_0001", seed=4)
    text = drawn("result")
    for words in ("3 frames, 1 to 3", "Tiny, 64 x 36, seed 4", "2 frames taken over, 2 to 2 made", "“a yard”"):
        assert words in text.replace("\n", " "), words
    assert "From 0.5 s: “fog” (0.5)" in text.replace("\n", " ") and "Made 2026-01-02 03:04 in 7 s" in text
    assert "mosaic.remake_take Make Again" in text and "mosaic.choose_take" not in text, "there is nothing to choose"


def test_takes_are_listed_for_the_active_shot_and_one_is_chosen(takes):
    from blender_addon.operators.generate import shown_take
    from blender_addon.shot_list import add_shot

    for number, shot in enumerate(("", "Yard", "Hall", "Yard"), start=1):
        described(takes / f"take_{number:04d}", shot=shot)
    add_shot(bpy.context.scene, name="Yard")
    listed = [line for line in drawn("result").splitlines() if line.startswith("mosaic.choose_take take")]
    assert [line.split()[1] for line in listed] == ["take_0004", "take_0002", "take_0001"]
    assert shown_take(bpy.context).name == "take_0004"
    bpy.ops.mosaic.choose_take(folder=str(takes / "take_0002"))
    assert shown_take(bpy.context).name == "take_0002" and "A is take_0002" in drawn("compare").replace("\n", " ")
    bpy.ops.mosaic.choose_take(folder=str(takes / "take_0001"), compare=True)
    assert "A take_0002, B take_0001" in drawn("compare")
    add_shot(bpy.context.scene, name="Hall")
    assert shown_take(bpy.context).name == "take_0003", "the newest of the shot that is looked at"
    bpy.context.window_manager.mosaic_compare.all_shots = True
    assert "take_0004  Yard" in drawn("result")


@pytest.mark.slow
def test_a_and_b_change_places_in_the_cameras_background(takes):
    for number in (1, 2):
        described(takes / f"take_{number:04d}")
    bpy.ops.mosaic.choose_take(folder=str(takes / "take_0002"))
    assert not bpy.ops.mosaic.flip_take.poll()
    bpy.ops.mosaic.choose_take(folder=str(takes / "take_0001"), compare=True)
    (names,) = {tuple(each.image.name for each in bpy.data.objects["Shot"].data.background_images)}
    assert names == ()
    for name in ("take_0001", "take_0002", "take_0001"):
        assert bpy.ops.mosaic.flip_take() == {"FINISHED"}
        assert [b.image.name for b in bpy.data.objects["Shot"].data.background_images] == [f"Mosaic {name}"]


def test_a_deleted_take_lies_in_the_trash(takes):
    for _ in range(2):
        described(takes / "take_0001")
        assert bpy.ops.mosaic.delete_take(folder=str(takes / "take_0001")) == {"FINISHED"}
    assert sorted(each.name for each in (takes / "trash").iterdir()) == ["take_0001", "take_0001_2"]
    assert (takes / "trash" / "take_0001" / "frames").is_dir() and "No take yet" in drawn("result")
    with pytest.raises(RuntimeError, match="there is no take yet"):
        bpy.ops.mosaic.delete_take()


def test_a_retake_asks_for_its_frames_and_keeps_the_takes_size_and_range(takes):
    described(takes / "take_0001", frames=(1, 2, 3))
    bpy.context.scene.mosaic.width, bpy.context.scene.frame_end = 320, 40
    with pytest.raises(RuntimeError, match=r"take_0001 has frames 1 \.\. 3: choose a range in it, got 3 \.\. 9"):
        bpy.ops.mosaic.retake(first=3, last=9)
    assert bpy.ops.mosaic.retake(first=2, last=3) == {"FINISHED"}
    document = json.loads((takes / "take_0002" / "shot" / "shot.json").read_text())
    assert document["retake"] == [2, 3] and document["earlier_clip"] == str(takes / "take_0001")
    assert document["depth"] is False, "the take has none, and half a clip of depth is no use"
    path = json.loads((takes / "take_0002" / "shot" / "path.json").read_text())
    assert (len(path["frames"]), path["image_width"]) == (3, 64)


@pytest.mark.slow
def test_real_takes_are_retaken_made_again_and_compared(takes, monkeypatch):
    from blender_addon import comparing, jobs, queue_run
    from blender_addon.compat import strips_of

    monkeypatch.setattr(queue_run._runtime, "launch", jobs.launch, raising=False)
    bpy.context.scene.mosaic.engine = "preview"
    assert bpy.ops.mosaic.generate() == {"FINISHED"}
    assert_blender_reads_depth(takes / "take_0001" / "depth" / "depth_0002.exr")
    select_object(bpy.data.objects["Room"], 1)
    bpy.ops.mosaic.move(offset=(0, 0, 1))
    assert bpy.ops.mosaic.retake(first=2, last=2) == {"FINISHED"}
    assert bpy.ops.mosaic.remake_take() == {"FINISHED"}

    def frames(number: int) -> list[bytes]:
        return [file.read_bytes() for file in sorted((takes / f"take_{number:04d}" / "frames").iterdir())]

    assert [a == b for a, b in zip(frames(1), frames(2), strict=True)] == [True, False, True]
    assert frames(2) == frames(3)
    bpy.ops.mosaic.choose_take(folder=str(takes / "take_0001"))
    bpy.ops.mosaic.choose_take(folder=str(takes / "take_0002"), compare=True)
    before = len(strips_of(bpy.context.scene.sequence_editor))
    assert bpy.ops.mosaic.compare() == {"FINISHED"}
    assert "1 of 3 frames differ" in drawn("compare").replace("\n", " ")
    image = bpy.data.images[comparing.IMAGE_NAME]
    first = bpy.data.images.load(bpy.path.abspath(image.filepath))
    assert image.source == "SEQUENCE" and tuple(first.size) == (2 * 64 + 4, 36)
    assert bpy.ops.mosaic.comparison_strip() == {"FINISHED"}
    assert len(strips_of(bpy.context.scene.sequence_editor)) == before + 1
    (takes / "take_0002" / "frames" / "frame_0002.png").write_bytes(b"damaged")
    with pytest.raises(RuntimeError, match=r"not compared: .*frame_0002\.png cannot be read"):
        bpy.ops.mosaic.compare()


def assert_blender_reads_depth(file: Path) -> None:
    """The same metres as our reader, in the picture that Blender loads."""
    truth = read_depth_exr(file.read_bytes(), image_height=36, image_width=64)
    image = bpy.data.images.load(str(file))
    pixels = np.zeros(36 * 64 * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    assert np.array_equal(pixels.reshape(36, 64, -1)[::-1, :, 0], truth)
    assert 1 < truth[np.isfinite(truth)].min() < truth[np.isfinite(truth)].max() < 50, "metres"


@pytest.mark.slow
def test_a_missing_memory_file_is_said_before_a_take_is_made_again(takes, tmp_path):
    folder = described(takes / "take_0001")
    with pytest.raises(RuntimeError, match=r"the manifest of .* is damaged"):
        bpy.ops.mosaic.remake_take(folder=str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    gone = {"memory_file": str(tmp_path / "gone.mosaic"), "path_file": "path.json", "placements_file": None}
    manifest["shot"] |= gone | {"memory_sha256": None, "retake": None}
    manifest |= {"inputs_sha256": {}, "versions": {"mosaic": "0"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RuntimeError, match=r"the memory file of the take is gone: .*gone\.mosaic"):
        bpy.ops.mosaic.remake_take(folder=str(folder))


def listed() -> list[str]:
    """The takes that the panel lets one choose."""
    lines = [line.split() for line in drawn("result").splitlines() if line.startswith("mosaic.choose_take take")]
    return [words[1] for words in lines]


def unsaved_scene(folder: Path):
    """A new file with a memory of its own, not saved; takes go where they go by themselves."""
    bpy.ops.wm.read_homefile(use_empty=True)
    memory_obj, _ = ready_scene(folder)
    bpy.context.scene.mosaic.output_folder = "//mosaic/"
    return memory_obj


def generated(count: int) -> None:
    """Takes as Generate makes them, by the fake process, which writes no manifest: that is written here."""
    for _ in range(count):
        start_fake()
        status = finish()
        folder = Path(status.take_folder)
        shot = json.loads((folder / "shot" / "shot.json").read_text())
        manifest = {"shot": shot, "image_width": 64, "image_height": 36, "fps": 24.0, "taken_over": [], "frames": [1]}
        manifest |= {"made": "2026-01-02T03:04:05+00:00", "timings_s": {"frames": 1.0}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    take_facts.forget()


def test_a_second_unsaved_scene_begins_with_its_own_capture(takes, tmp_path):
    from blender_addon.panels.start import is_wanted

    unsaved_scene(tmp_path / "first")
    generated(2)
    assert listed() == ["take_0002", "take_0001"] and not is_wanted(bpy.context)
    bpy.ops.wm.read_homefile(use_empty=True)
    assert is_wanted(bpy.context) and "mosaic.capture" in drawn("start") and "No take yet" in drawn("result")
    unsaved_scene(tmp_path / "second")
    assert "mosaic.open_result Play" not in drawn("start") and "No take yet" in drawn("result")
    generated(1)
    assert "mosaic.open_result Play" in drawn("start"), "its first video, though others made some before"


def test_takes_stay_with_their_scene_when_it_is_saved_saved_as_and_opened_again(takes, tmp_path):
    unsaved_scene(tmp_path / "first")
    generated(2)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "yard.blend"))
    assert listed() == ["take_0002", "take_0001"], "made before there was a file"
    generated(1)
    assert (tmp_path / "mosaic" / "take_0001").is_dir() and len(listed()) == 3
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "yard_2.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    assert "No take yet" in drawn("result")
    for name in ("yard.blend", "yard_2.blend"):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / name))
        assert listed() == ["take_0001", "take_0002", "take_0001"]


def test_a_file_beside_another_lists_its_own_takes(takes, tmp_path):
    for name in ("yard", "hall"):
        unsaved_scene(tmp_path / name)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / f"{name}.blend"))
        generated(2)
    assert listed() == ["take_0004", "take_0003"]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "yard.blend"))
    assert listed() == ["take_0002", "take_0001"], "though it was not saved again after they were made"


def test_another_capture_and_undo_lose_no_take(takes, tmp_path):
    unsaved_scene(tmp_path / "first")
    bpy.ops.ed.undo_push(message="captured")
    generated(2)
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert listed() == ["take_0002", "take_0001"]
    bpy.context.scene.mosaic.memory = None
    bpy.data.objects.remove(bpy.data.objects["Room"])
    ready_scene(tmp_path / "again")
    bpy.context.scene.mosaic.output_folder = "//mosaic/"
    assert listed() == ["take_0002", "take_0001"]


def test_a_take_of_the_command_line_belongs_to_the_scene_whose_memory_it_shows(takes):
    digest = bpy.data.objects["Room"].mosaic.memory_sha256
    for number, of in enumerate((digest, "0" * 64, digest), start=1):
        folder = described(takes / f"take_{number:04d}")
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"inputs_sha256": {"memory": of}}))
    assert listed() == ["take_0003", "take_0001"]


def test_deleting_a_take_leaves_no_reference_to_it(takes, tmp_path):
    from blender_addon.compat import strips_of

    def strips() -> list[str]:
        return [strip.name for strip in strips_of(bpy.context.scene.sequence_editor)]

    first, second = described(takes / "take_0001"), described(takes / "take_0002")
    for folder in (first, second):
        assert bpy.ops.mosaic.apply_result(folder=str(folder)) == {"FINISHED"}
    collection = strips_of(bpy.context.scene.sequence_editor)
    own = collection.new_image(
        name="Cut", filepath=str(second / "frames" / "frame_0001.png"), channel=9, frame_start=50
    )
    assert bpy.ops.mosaic.delete_take(folder=str(second)) == {"FINISHED"}
    assert sorted(strips()) == ["Cut", "Mosaic take_0001"] and own.channel == 9, "an artist's own cut is left alone"
    assert not bpy.data.objects["Shot"].data.background_images and "Mosaic take_0002" not in bpy.data.images
    assert bpy.ops.mosaic.apply_result(folder=str(first), strip=False) == {"FINISHED"}
    other = described(tmp_path / "elsewhere" / "take_0001")
    assert bpy.ops.mosaic.delete_take(folder=str(other)) == {"FINISHED"}
    assert "Mosaic take_0001" in strips(), "another folder's take of the same name"
    assert [each.image.name for each in bpy.data.objects["Shot"].data.background_images] == ["Mosaic take_0001"]


def test_every_take_can_be_listed_a_page_at_a_time(takes):
    for number in range(1, 20):
        described(takes / f"take_{number:04d}")
    newest_first = [f"take_{number:04d}" for number in range(19, 0, -1)]
    assert listed() == newest_first[:8] and "1 to 8 of 19" in drawn("result")
    bpy.ops.mosaic.page_takes(page=2)
    assert listed() == newest_first[16:] and "17 to 19 of 19" in drawn("result")
    bpy.ops.mosaic.choose_take(folder=str(takes / "take_0001"))
    assert "A is take_0001" in drawn("compare").replace("\n", " ")
    bpy.ops.mosaic.page_takes(page=7)
    assert listed() == newest_first[16:], "never an empty page"
    start_fake()
    finish()
    assert "1 to 8 of" in drawn("result"), "where the new take is"
