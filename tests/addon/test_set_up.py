"""A first video without reading anything: the Python is found or said to be missing, the next button leads, and what
goes wrong comes with its remedy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon.pip_output import PipProgress, failure_in_words

from .job_scenes import make_take, ready_scene
from .test_panel import FakeLayout
from .test_preferences import fake_python, user  # noqa: F401  (a fixture)

# A Python that has all packages, and one that lacks torch.
HAS_ALL = "#!/bin/sh\nexit 0\n"
LACKS_TORCH = '#!/bin/sh\necho "it lacks torch" >&2; exit 1\n'


@pytest.fixture
def nothing_found(monkeypatch, tmp_path):
    """A computer without any Python to find, on which none is set."""
    from blender_addon import preferences, pythons, worker_setup

    app = SimpleNamespace(binary_path="/opt/blender/blender", online_access=False, background=True)
    monkeypatch.setattr(preferences, "bpy", SimpleNamespace(app=app, context=bpy.context, path=bpy.path))
    monkeypatch.setenv("PATH", str(tmp_path / "no_programs"))
    for name in pythons._ENVIRONMENT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    yield app
    worker_setup.stop_everything()


def drawn_start() -> str:
    from blender_addon.panels.start import draw_start

    layout = FakeLayout()
    draw_start(layout, bpy.context)
    return "\n".join(layout.drawn)


def test_the_status_bar_is_told_how_it_ended_and_not_that_it_began():
    from blender_addon import worker_setup

    said = []
    operator = SimpleNamespace(report=lambda _kind, text: said.append(text))
    worker_setup._show(bpy.context, "Looking for a Python", busy=True, installing=True)
    assert worker_setup._reported(operator, bpy.context) == {"FINISHED"} and not said
    worker_setup._show(bpy.context, "ready")
    assert worker_setup._reported(operator, bpy.context) == {"FINISHED"} and said == ["ready"]
    worker_setup._show(bpy.context, "")


def test_set_up_takes_a_python_that_is_there(user, nothing_found, tmp_path, monkeypatch):  # noqa: F811
    from blender_addon import preferences, worker_setup

    for name, source in (("a", LACKS_TORCH), ("b", HAS_ALL)):
        (tmp_path / "home" / "miniconda3" / "envs" / name / "bin").mkdir(parents=True)
        fake_python(tmp_path / "home" / "miniconda3" / "envs" / name / "bin", source)
    for folder in ("a", "b"):
        python = tmp_path / "home" / "miniconda3" / "envs" / folder / "bin"
        (python / "python").symlink_to(python / "python3")
    monkeypatch.setattr(preferences._fallback, "worker_python", "", raising=False)
    assert worker_setup.needs_set_up()
    assert bpy.ops.mosaic.set_up() == {"FINISHED"}
    assert preferences.worker_python() == str(tmp_path / "home/miniconda3/envs/b/bin/python")
    assert not worker_setup.needs_set_up()
    assert not (user / "env").exists(), "nothing was built"


def test_set_up_offline_with_nothing_found_says_what_to_do(user, nothing_found):  # noqa: F811
    with pytest.raises(RuntimeError, match="no Python with torch was found on this computer"):
        bpy.ops.mosaic.set_up()
    status = bpy.context.window_manager.mosaic_worker
    assert "allow Online Access" in status.line and status.failed and not status.installing


def test_the_first_panel_leads_from_capture_to_set_up_to_generate(user, nothing_found, tmp_path):  # noqa: F811
    from blender_addon import take_facts
    from blender_addon.panels.start import is_wanted
    from blender_addon.worker_setup import environment_folder

    assert "mosaic.capture_wizard Capture Memory" in drawn_start(), "without a camera, a ring of them"
    assert "generate" not in drawn_start()
    ready_scene(tmp_path)
    text = drawn_start()
    assert "mosaic.set_up Set Up" in text and "mosaic.generate" not in text
    assert "prop use_online_access" in text
    from .test_preferences import created

    created(environment_folder())
    text = drawn_start()
    assert "mosaic.generate Generate" in text and "along Shot" in text
    assert is_wanted(bpy.context)
    make_take(tmp_path / "takes" / "take_0001")
    bpy.context.window_manager.mosaic_job.take_folder = str(tmp_path / "takes" / "take_0001")
    assert "mosaic.open_result Play" in drawn_start() and is_wanted(bpy.context)
    make_take(tmp_path / "takes" / "take_0002")
    take_facts.forget()
    assert not is_wanted(bpy.context), "whoever has made two needs no leading"


def test_a_scene_without_a_camera_is_captured_from_a_ring_and_the_video_has_a_path(tmp_path):
    from blender_addon.paths.gentle import add_gentle_path, stands_still

    bpy.ops.mesh.primitive_cube_add()
    scene = bpy.context.scene
    scene.mosaic.capture_width, scene.mosaic.capture_height = 64, 36
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert bpy.ops.mosaic.capture_wizard(source="RING", keep=True, number=3) == {"FINISHED"}
    assert scene.mosaic.memory is not None and sum(obj.type == "CAMERA" for obj in scene.objects) == 3
    assert stands_still(scene)
    camera = add_gentle_path(bpy.context)
    assert scene.mosaic.path_camera == camera and scene.camera is not None


def test_the_progress_names_the_package_and_its_size():
    progress, seen = PipProgress(), []
    for line in (
        "Collecting torch<2.14,>=2.6",
        "Downloading torch-2.9.1-cp311-none-any.whl.metadata (30 kB)",
        "Downloading torch-2.9.1-cp311-cp311-manylinux_2_28_x86_64.whl (104.1 MB)",
        "Progress 52000000 of 104100000",
        "Using cached numpy-2.3.1-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)",
        "Installing collected packages: mpmath, numpy, torch",
        "a line that means nothing",
    ):
        progress = progress.after(line)
        seen.append((progress.text, None if progress.fraction is None else round(progress.fraction, 2)))
    assert seen == [
        ("Looking for torch", None),
        ("Looking for torch", None),
        ("Downloading torch 2.9.1", None),
        ("Downloading torch 2.9.1: 52 of 104 MB", 0.5),
        ("Already here: numpy 2.3.1", None),
        ("Unpacking 3 packages, this takes a minute", None),
        ("Unpacking 3 packages, this takes a minute", None),
    ]


@pytest.mark.parametrize(
    ("line", "cause", "remedy"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "full",
            "make room",
        ),
        ("WARNING: Retrying after NewConnectionError('Failed to resolve pypi.org')", "cannot be reached", "network"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "trusted", "global.cert"),
        ("ERROR: No matching distribution found for torch", "no torch for Python 3.15", "Base Python"),
        (
            "ERROR: Could not find a version that satisfies the requirement numpy>=1.26 (from versions: none)\n"
            "ERROR: No matching distribution found for numpy>=1.26",
            "cannot be reached",
            "network",
        ),
        ("ERROR: [Errno 13] Permission denied: '/x'", "may not be written", "/env is yours"),
        ("ERROR: something quite new", "something quite new", "Copy Report"),
    ],
)
def test_a_failed_installation_names_its_cause_and_remedy(line, cause, remedy):
    # A dead network, too, ends in "no matching distribution": the cause comes before the symptom.
    lines = [line, "ERROR: No matching distribution found for torch"] if "ERROR" not in line else [line]
    sentence = failure_in_words(lines, folder="/env", free="0.1 GB", python="3.15", wheels=None)
    assert cause in sentence and remedy in sentence


def test_generate_without_a_path_moves_the_camera_a_little(tmp_path):
    from blender_addon.paths.gentle import add_gentle_path, stands_still
    from blender_addon.paths.sample import path_of_scene

    _memory_obj, camera_obj = ready_scene(tmp_path)
    scene = bpy.context.scene
    assert not stands_still(scene), "the camera is animated"
    camera_obj.animation_data_clear()
    bpy.data.actions.remove(bpy.data.actions[0])
    scene.frame_start, scene.frame_end = 1, 250
    assert stands_still(scene)
    before = camera_obj.matrix_world.copy()
    path_camera = add_gentle_path(bpy.context)
    assert scene.mosaic.path_camera == path_camera and not stands_still(scene)
    assert camera_obj.matrix_world == before and scene.camera == camera_obj
    assert scene.frame_end == 48
    path = path_of_scene(bpy.context, image_height=36, image_width=64)
    at = [camera.world_from_cam[:3, 3] for camera in path.cameras]
    there = [float(((each - at[0]) ** 2).sum() ** 0.5) for each in at]
    assert 0.3 < max(there) < 2.5 and there[-1] < 0.05 and there.index(max(there)) in range(20, 28)


def test_a_chosen_camera_may_stand_still(tmp_path):
    from blender_addon.paths.gentle import stands_still

    _memory_obj, camera_obj = ready_scene(tmp_path)
    camera_obj.animation_data_clear()
    bpy.context.scene.mosaic.path_camera = camera_obj
    assert not stands_still(bpy.context.scene)


def test_the_report_has_versions_problem_and_log_and_no_names(tmp_path, monkeypatch, user):  # noqa: F811
    from blender_addon.report import report_text, without_names

    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    ready_scene(tmp_path)
    log = tmp_path / "job.log"
    log.write_text(f"torch was loaded\nno kernel for {tmp_path}/model\n")
    status = bpy.context.window_manager.mosaic_job
    status.error, status.log_file = f"it broke in {tmp_path}", str(log)
    text = report_text(bpy.context)
    assert "Problem: it broke in ~" in text and "no kernel for ~/model" in text
    assert bpy.app.version_string in text and "cores" in text and "patches, file room.mosaic" in text
    assert "GPU process:" in text and str(tmp_path) not in text
    home = Path("/data/ada")
    assert without_names(f"in {home}/x", home=home) == "in ~/x"
    assert bpy.ops.mosaic.copy_report() == {"FINISHED"}
