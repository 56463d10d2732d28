"""A scene that is ready to generate from, jobs on the fake GPU process, and takes made by the test itself."""

from __future__ import annotations

import importlib.util
import struct
import sys
import time
import zlib
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from tests.worker.fake_jobs import FAKE_COMMAND, SHORT

from .memory_scenes import built

ROOT = Path(__file__).resolve().parents[2]


def ready_scene(folder: Path) -> tuple[bpy.types.Object, bpy.types.Object]:
    """The room's memory and a camera that moves past it for three frames; takes go to `folder / takes`."""
    memory_obj, _memory = built(folder)
    scene = bpy.context.scene
    camera_obj = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    scene.collection.objects.link(camera_obj)
    at, to = Vector((0.0, -5.2, 2.0)), Vector((0.0, 1.5, 0.5))
    camera_obj.matrix_world = Matrix.LocRotScale(at, (to - at).to_track_quat("-Z", "Y"), None)
    for frame, x in ((1, -0.5), (3, 0.5)):
        camera_obj.location.x = x
        camera_obj.keyframe_insert("location", frame=frame)
    scene.camera = camera_obj
    scene.frame_start, scene.frame_end = 1, 3
    settings = scene.mosaic
    settings.width, settings.height = 64, 36
    settings.output_folder = str(folder / "takes")
    settings.memory = memory_obj
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="ready")
    return memory_obj, camera_obj


def start_fake(mode: str = "ok", *, limits=SHORT, **options):
    """Start a job on a process that behaves as `mode` says."""
    from blender_addon import jobs
    from blender_addon.scene_takes import folder_for_takes
    from blender_addon.shots import request_from_settings

    return jobs.start(
        bpy.context,
        request_from_settings(bpy.context),
        output_folder=folder_for_takes(bpy.context.scene),
        command=[*FAKE_COMMAND, mode, *(f"{name}={value}" for name, value in options.items())],
        limits=limits,
    )


def tick_until(condition, *, limit_s: float = 10.0) -> bool:
    """Do what Blender's timer does until something is true."""
    from blender_addon import jobs

    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        jobs.tick()
        if condition():
            return True
        time.sleep(0.01)
    return False


def finish():
    """Run the job to its end as the timer does; what the panel then knows."""
    from blender_addon import jobs

    assert tick_until(lambda: not jobs.is_running()), bpy.context.window_manager.mosaic_job.text
    return bpy.context.window_manager.mosaic_job


def shade_of(frame: int) -> int:
    return 10 * frame % 256


TAKE_FRAMES = range(11, 15)


def make_take(folder: Path, frames=TAKE_FRAMES, *, height: int = 36, width: int = 64) -> Path:
    """A take on disk: grey frames whose shade tells their number, and their video."""
    (folder / "frames").mkdir(parents=True)
    for frame in frames:
        (folder / "frames" / f"frame_{frame:04d}.png").write_bytes(_grey_png(height, width, shade_of(frame)))
    if importlib.util.find_spec("av") is None:
        (folder / "clip.mp4").write_bytes(b"a video")  # the desktop Blender has no PyAV, and Mosaic there needs none
    else:
        _write_video(folder / "clip.mp4", [shade_of(frame) for frame in frames], height=height, width=width)
    return folder


def _grey_png(height: int, width: int, shade: int) -> bytes:
    # By hand: the desktop Blender's Python has no Pillow, and an image of Blender's would be one more to undo.
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = zlib.compress((b"\0" + bytes([shade]) * 3 * width) * height)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _write_video(file: Path, shades: list[int], *, height: int, width: int) -> None:
    import av

    with av.open(str(file), "w") as video:
        stream = video.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for shade in shades:
            rgb = np.full((height, width, 3), shade, np.uint8)
            video.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        video.mux(stream.encode())


def another_blender(script: str) -> list[str]:
    """The command that runs `script` in a fresh Blender of the kind that runs the tests."""
    script = f"import sys\nsys.path[:0] = {[str(ROOT)]!r}\n{script}"
    if not bpy.app.binary_path:
        return [sys.executable, "-c", script]
    return [bpy.app.binary_path, "-b", "--factory-startup", "--python-exit-code", "1", "--python-expr", script]
