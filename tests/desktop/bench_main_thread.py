"""How long Blender's main thread is held while jobs run in a real window, as JSON.

    BLENDER=blender python tests/desktop/bench_main_thread.py

A capture of the courtyard, then a video of it with each engine, and the same of a memory of 107,424 patches: started by
the panel's operators, made by the real GPU process, with the sidebar open. For each: how long the extension held the
main thread at most, by way in, without the renders that Blender did in it, and the longest part within (see
`main_thread.py`); and the longest pause of the main thread whoever made it, with what was the extension's of it.
Times are milliseconds on the clock. MOSAIC_BENCH_ONLY names the kinds to do:
capture, courtyard, large; MOSAIC_BENCH_MEMORY a .mosaic file to take for the last.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

LONGEST = 6  # of the ways in are told
KINDS = "capture courtyard large"


def scenario(desk):
    """Runs inside Blender."""

    sys.path.insert(0, str(Path(__file__).parent))
    from main_thread import Observer

    wanted = os.environ.get("MOSAIC_BENCH_ONLY", KINDS).split()
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    yield from desk.open_sidebar("Mosaic")
    observer, chapters = Observer(), []
    try:
        if "capture" in wanted:
            for name in ("capture", "capture, the second of the session"):  # the first has the graphics driver compile
                yield from capture(desk, chapters, observer, name)
        for kind in [kind for kind in ("courtyard", "large") if kind in wanted]:
            (show_large if kind == "large" else show_courtyard)(desk)
            yield from desk.wait(3.0)  # what another memory brings with it is no job's
            for engine in ("preview", "tiny"):
                yield from generate(desk, observer, f"{engine}, {kind}", engine)
                tell(desk, chapters, observer)
    finally:
        observer.end()
    yield from desk.shot("bench_main_thread")


def tell(desk, chapters: list, observer) -> None:
    """Keep a chapter: what was measured before something goes wrong is worth having."""
    chapters.append(told(observer.watch))
    (desk.folder / "figures.json").write_text(json.dumps(chapters), encoding="utf-8")


def in_viewport(desk):
    import bpy

    return bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=desk.region("WINDOW"))


def capture(desk, chapters: list, observer, name: str):
    """The four cameras at the sizes an artist finds: until all views are rendered, and until the memory is there."""
    import bpy

    run = importlib.import_module("bl_ext.user_default.mosaic.operators.capture_run")
    before = bpy.context.scene.mosaic.memory
    observer.begin(f"{name}: views")
    with in_viewport(desk):
        bpy.ops.mosaic.capture("INVOKE_DEFAULT")
    yield from desk.until(lambda: run.running().label == "saving the memory", "the views are captured", limit_s=120)
    tell(desk, chapters, observer)
    observer.begin(f"{name}: memory")
    yield from desk.until(lambda: bpy.context.scene.mosaic.memory != before, "a memory is captured", limit_s=120)
    yield from desk.wait(1.5)
    tell(desk, chapters, observer)


def show_courtyard(desk) -> None:
    """The memory that was captured, or else one of it."""
    import bpy

    if bpy.context.scene.mosaic.memory is None:
        with in_viewport(desk):
            bpy.ops.mosaic.capture()


def show_large(_desk) -> None:
    """A memory that the issue's figures are about, in place of the captured one."""
    import bpy

    def part(name):
        return importlib.import_module(f"bl_ext.user_default.mosaic.{name}")

    before, bpy.context.scene.frame_end = bpy.context.scene.mosaic.memory, 12
    if before is not None:
        before.hide_set(True)
    file = os.environ["MOSAIC_BENCH_MEMORY"]
    memory = part("mosaic_core.memory").load_memory(file)
    bpy.context.scene.mosaic.memory = part("memory.build").build_memory_object(bpy.context, memory, file, "Large")


def generate(desk, observer, name: str, engine: str):
    import bpy

    settings, job = bpy.context.scene.mosaic, bpy.context.window_manager.mosaic_job
    settings.engine, settings.width, settings.height = engine, 256, 144
    observer.begin(name)
    with in_viewport(desk):
        bpy.ops.mosaic.generate("INVOKE_DEFAULT")
    yield from desk.until(lambda: job.running or job.error, "the job starts", limit_s=20)
    yield from desk.until(lambda: not job.running, "the job ends", limit_s=240)
    desk.check(not job.error, f"the job succeeds {job.error}")
    yield from desk.wait(1.5)


def told(watch) -> dict:
    """A chapter's figures."""
    longest = sorted(watch.own_ms.items(), key=lambda pair: -pair[1])[:LONGEST]
    return {
        "job": watch.name,
        "seconds": watch.seconds,
        "longest_hold_ms": longest[0][1] if longest else 0.0,
        "holds": dict(longest),
        "with_blenders_renders_ms": max(watch.longest_ms.values(), default=0.0),
        "parts": dict(sorted(watch.parts_ms.items(), key=lambda pair: -pair[1])),
        "all_holds_ms": watch.spent_ms,
        "longest_pause_ms": watch.gap_ms,
        "of_it_the_extension_ms": watch.ours_in_gap_ms,
        "pauses_over_100_ms": watch.pauses,
    }


def rounded(value):
    """Figures with one digit, however deep."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return round(value, 1) if isinstance(value, float) else value


def main() -> None:
    folder_of_tests = Path(__file__).resolve().parent
    sys.path[:0] = [str(folder_of_tests), str(folder_of_tests.parents[1])]
    from harness import DesktopBlender

    from build_addon import build

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blender = DesktopBlender(os.environ["BLENDER"], folder / "home")
        blender.install(build(folder / "zip"))
        blend_file = folder / "project" / "courtyard.blend"
        blend_file.parent.mkdir()
        run = blender.run("--python-exit-code", "1", "--python", folder_of_tests / "make_scene.py", "--", blend_file)
        assert run.returncode == 0, run.stdout + run.stderr
        shots = Path(os.environ.get("MOSAIC_SCREENSHOTS", folder / "shots"))
        figures = folder / "run" / "figures.json"
        environment = {"MOSAIC_BENCH_MEMORY": str(large_file(folder))}
        result = blender.play(
            Path(__file__), blend_file=blend_file, folder=figures.parent, shots=shots, environment=environment
        )
        chapters = json.loads(figures.read_text(encoding="utf-8")) if figures.is_file() else []
    print(json.dumps([rounded(chapter) for chapter in chapters], indent=1))
    if result["error"]:
        sys.exit(result["error"])


def large_file(folder: Path) -> Path:
    """The memory of `bench_points`, saved; the one that MOSAIC_BENCH_MEMORY names where it does."""
    from bench_points import large_memory

    if "MOSAIC_BENCH_MEMORY" in os.environ:
        return Path(os.environ["MOSAIC_BENCH_MEMORY"]).absolute()
    file = folder / "large.mosaic"
    if "large" in os.environ.get("MOSAIC_BENCH_ONLY", KINDS):
        importlib.import_module("mosaic_core.memory").save_memory(large_memory(importlib.import_module), file)
    return file


if __name__ == "__main__":
    main()
