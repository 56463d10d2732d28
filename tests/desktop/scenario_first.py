"""A new artist's first video: an open scene, the sidebar, and always the large button. Every click is a real event.

Counted is what the artist does, the key N included; the scenario fails past six. There is no Python for the GPU process
at the start: the one that plays this scenario's host is to be found by Set Up.
"""

from __future__ import annotations

import os
from pathlib import Path

import bpy

MOST_CLICKS = 6


class Clicks:
    """Counts what the artist does, and takes a numbered picture before each."""

    def __init__(self, desk) -> None:
        self.desk, self.count = desk, 0

    def at(self, x: int, y: int, what: str):
        """A click: picture with its place, then the click."""
        yield from self.about_to(x, y)
        yield from self.desk.click(x, y)
        self.desk.check(self.count <= MOST_CLICKS, f"click {self.count}: {what}")

    def about_to(self, x: int, y: int):
        self.count += 1
        yield from self.desk.move(x, y)
        yield from self.desk.shot(f"walk_{self.count}")
        self.desk.mark(f"walk_{self.count}", x, y)

    def button(self, wanted: str, what: str):
        """A click on a button of the sidebar."""
        x, y = yield from self.desk.find(wanted)
        yield from self.at(x, y, what)


def scenario(desk):
    settings = bpy.context.scene.mosaic
    settings.width, settings.height = 320, 180  # half as wide, and half as long: the test shall not take minutes
    bpy.context.scene.frame_end = 12
    bpy.context.preferences.view.show_tooltips = False  # they would lie over what the manual's pictures show
    desk.check("MOSAIC_PYTHON" not in os.environ, "no Python is named")
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    clicks = Clicks(desk)
    yield from open_tab(desk, clicks)
    yield from clicks.button("mosaic.capture(", "Capture")
    yield from desk.until(lambda: settings.memory is not None, "capture makes a memory", limit_s=120)
    yield from clicks.button("mosaic.set_up(", "Set Up")
    yield from set_up(desk)
    yield from clicks.button("mosaic.generate(", "Generate")
    yield from generate(desk)
    x, y = yield from desk.find("mosaic.open_result(")
    yield from clicks.about_to(x, y)
    desk.check(clicks.count <= MOST_CLICKS, f"the video is there after {clicks.count} clicks, the one on Play included")


def open_tab(desk, clicks):
    """N, then the tab; where the tab stands is found by looking at what lies on its place."""
    yield from clicks.about_to(*desk.centre())
    yield from desk.press("N")
    yield from desk.until(lambda: desk.region("UI").width > 1, "N opens the sidebar")
    yield from desk.wait(0.5)
    if desk.region("UI").active_panel_category == "Mosaic":
        return
    first = desk.region("UI").active_panel_category
    yield from desk.open_sidebar("Mosaic")  # tries one tab after the other, and stops at the right one
    x, y = desk.mouse_xy
    desk.region("UI").active_panel_category = first  # as if it had been found at once
    yield from clicks.at(x, y, "the tab Mosaic")
    yield from desk.until(lambda: desk.region("UI").active_panel_category == "Mosaic", "the tab opens")


def set_up(desk):
    worker = bpy.context.window_manager.mosaic_worker
    yield from desk.until(lambda: worker.busy or worker.line, "Set Up begins", limit_s=10)
    yield from desk.shot("setting_up")
    yield from desk.until(lambda: not worker.busy, "Set Up ends", limit_s=120)
    desk.check(not worker.failed and worker.line.endswith(": ready"), f"a Python was found and works: {worker.line}")


def generate(desk):
    job = bpy.context.window_manager.mosaic_job
    yield from desk.until(lambda: job.running or job.error, "the job starts", limit_s=20)
    camera = bpy.context.scene.mosaic.path_camera
    desk.check(camera is not None, "a camera that stood still has a path")
    yield from desk.until(lambda: job.frame_file or job.error, "frames appear", limit_s=300)
    yield from desk.shot("generating")
    yield from desk.until(lambda: not job.running, "the job ends", limit_s=300)
    desk.check(not job.error, f"the job succeeds {job.error}")
    desk.check((Path(job.take_folder) / "clip.mp4").stat().st_size > 10_000, "the video is there")
