"""Runs inside Blender: plays a scenario with real events, one step a timer tick, and says how it went.

    blender --enable-event-simulate --python stepper.py -- scenario.py FOLDER

A scenario is a generator function `scenario(desk)`: it yields whenever Blender shall get on with its
own work, so its events pass through the same queue, handlers and redraws as an artist's. `desk` is
its mouse, keyboard and eyes. The result is FOLDER/result.json. A screenshot is asked of the host
through FOLDER/NAME.want: Blender's own comes out black where OpenGL runs in software.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

TICK_S = 0.02
ROW_PX = 20  # of the sidebar's buttons at the default interface scale
ACROSS = (0.2, 0.5, 0.75)  # where buttons are that stand alone, in twos and in threes
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
KEYS = {str(i): name for i, name in enumerate(DIGITS)}
KEYS |= {".": "PERIOD", "-": "MINUS", "_": "MINUS", " ": "SPACE"}
Steps = Iterator[None]


class ScenarioFailed(AssertionError):
    """Something an artist would have seen did not happen; the text says what."""


class Desk:
    """Mouse, keyboard and eyes of a scenario; what returns `Steps` is used with `yield from`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passed: list[str] = []
        self.marks: dict[str, list[int]] = {}
        self._mouse_xy = (0, 0)

    # -- eyes

    @property
    def window(self) -> bpy.types.Window:
        return bpy.context.window_manager.windows[0]

    @property
    def mouse_xy(self) -> tuple[int, int]:
        """Where the mouse is in the window."""
        return self._mouse_xy

    def area(self, kind: str) -> bpy.types.Area:
        return next(area for area in self.window.screen.areas if area.type == kind)

    def region(self, kind: str, *, area: str = "VIEW_3D") -> bpy.types.Region:
        return next(region for region in self.area(area).regions if region.type == kind)

    def centre(self, kind: str = "WINDOW", *, area: str = "VIEW_3D") -> tuple[int, int]:
        region = self.region(kind, area=area)
        return region.x + region.width // 2, region.y + region.height // 2

    def shot(self, name: str) -> Steps:
        """Keep a picture of the screen; waits for the redraw before and for the host after."""
        for area in self.window.screen.areas:
            area.tag_redraw()
        yield from self.wait(0.6)
        wanted = self.folder / f"{name}.want"
        wanted.touch()
        yield from self.until(lambda: not wanted.exists(), f"the host took the picture {name}")

    def mark(self, name: str, x: int, y: int, width: int = 0, height: int = 0) -> None:
        """Tell the host a place on the screen, from the top left as pictures have it; what is there is up to both."""
        self.marks[name] = [int(x), int(self.window.height - y - height), int(width), int(height)]

    def check(self, holds: bool, what: str) -> None:
        """Note a fact that holds; stop the scenario where it does not."""
        if not holds:
            raise ScenarioFailed(f"expected that {what}")
        self.passed.append(what)

    # -- patience

    def wait(self, seconds: float) -> Steps:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield

    def until(self, condition: Callable[[], bool], what: str, *, limit_s: float = 30.0) -> Steps:
        end = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end:
                raise ScenarioFailed(f"waited {limit_s:g} s, expected that {what}")
            yield

    # -- mouse and keyboard

    def event(self, kind: str, value: str, **modifiers: object) -> None:
        x, y = self._mouse_xy
        self.window.event_simulate(type=kind, value=value, x=x, y=y, **modifiers)

    def move(self, x: int, y: int) -> Steps:
        self._mouse_xy = (int(x), int(y))
        self.event("MOUSEMOVE", "NOTHING")
        yield

    def press(self, kind: str, **modifiers: object) -> Steps:
        """A key or a mouse button, down and up, where the mouse is."""
        self.event(kind, "PRESS", **modifiers)
        yield
        # A click is made by letting go of the button, with Shift still down.
        self.event(kind, "RELEASE", **(modifiers if kind.endswith("MOUSE") else {}))
        yield

    def click(self, x: int, y: int, *, button: str = "LEFTMOUSE", **modifiers: object) -> Steps:
        yield from self.move(x, y)
        yield  # the button under the mouse becomes active with a redraw
        yield from self.press(button, **modifiers)

    def drag(self, points: list[tuple[int, int]], **modifiers: object) -> Steps:
        """Press at the first point, pass through all, release at the last."""
        yield from self.move(*points[0])
        self.event("LEFTMOUSE", "PRESS", **modifiers)
        yield
        for self._mouse_xy in points[1:]:
            self.event("MOUSEMOVE", "NOTHING", **modifiers)
            yield
        self.event("LEFTMOUSE", "RELEASE", **modifiers)
        yield

    def write(self, text: str) -> Steps:
        """Type text as a keyboard would."""
        for char in text:
            kind = KEYS.get(char, char.upper())
            self.event(kind, "PRESS", unicode=char)
            self.event(kind, "RELEASE")
            yield

    # -- the sidebar

    def open_sidebar(self, tab: str) -> Steps:
        """Open the 3D viewport's sidebar on a tab, as an artist does: N, then a click on the tab."""
        region = self.region("UI")
        if region.width <= 1:
            yield from self.move(*self.centre())
            yield from self.press("N")
            yield from self.until(lambda: self.region("UI").width > 1, "N opens the sidebar")
            yield from self.wait(0.5)
        region = self.region("UI")
        for down_px in range(20, region.height, 15):
            if self.region("UI").active_panel_category == tab:
                return
            yield from self.click(region.x + region.width - 10, region.y + region.height - down_px)
            yield from self.wait(0.15)
        raise ScenarioFailed(f"expected a sidebar tab {tab}")

    def find(self, wanted: str, *, across: tuple[float, ...] = ACROSS) -> Iterator[None]:
        """Where a button or a field of the sidebar is, as (x, y); scrolls to it where need be.

        `wanted` is the start of an operator's Python command, such as `mosaic.capture(`, or a
        field's data path, such as `mosaic.seed`. Blender offers no list of its buttons, but tells
        what is under the mouse ("Copy Python Command" of the context menu). `across` is where in the
        sidebar's width to look; small icons may need a place of their own.
        """
        yield from self.wait(1.5)  # panels that change their height slide
        found = yield from self._scan(wanted, across)
        if found is None:
            yield from self.scroll("WHEELUPMOUSE", 60)
        for _ in range(6):
            found = found or (yield from self._scan(wanted, across))
            if found is not None:
                return found
            yield from self.scroll("WHEELDOWNMOUSE", 12)
        raise ScenarioFailed(f"expected `{wanted}` in the sidebar")

    def _scan(self, wanted: str, across: tuple[float, ...]) -> Iterator[None]:
        region = self.region("UI")
        for down_px in range(8, region.height, ROW_PX // 2 + 2):
            y = region.y + region.height - down_px
            for fraction in across:
                x = region.x + int(region.width * fraction)
                yield from self.move(x, y)
                yield  # from one button to the next takes Blender two turns
                if self._under_mouse().startswith(wanted):
                    return x, y
        return None

    def scroll(self, wheel: str, clicks: int) -> Steps:
        """Turn the mouse wheel over the sidebar."""
        yield from self.move(*self.centre("UI"))
        for _ in range(clicks):
            self.event(wheel, "PRESS")
        yield from self.wait(0.3)

    def pick(self, wanted: str, *, entries: int = 100) -> Steps:
        """Choose an entry of the open menu with the arrow keys; `wanted` is a part of its Python command."""
        wm = bpy.context.window_manager
        for _ in range(entries):
            wm.clipboard = ""
            yield from self.press("DOWN_ARROW")
            yield from self.press("C", ctrl=True)  # over a menu's entry: its command
            if wanted in wm.clipboard:
                yield from self.press("RET")
                return
        raise ScenarioFailed(f"expected `{wanted}` in the menu")

    def _under_mouse(self) -> str:
        """The command or the data path of the sidebar's button under the mouse; "" where none is."""
        area, region = self.area("VIEW_3D"), self.region("UI")
        with bpy.context.temp_override(window=self.window, area=area, region=region):
            if bpy.context.property is not None:
                return bpy.context.property[1]
            if not bpy.ops.ui.copy_python_command_button.poll():
                return ""
            bpy.ops.ui.copy_python_command_button()
        return bpy.context.window_manager.clipboard.removeprefix("bpy.ops.")

    def click_button(self, wanted: str, *, across: tuple[float, ...] = ACROSS) -> Steps:
        """Click a button of the sidebar, named as `find` has it."""
        x, y = yield from self.find(wanted, across=across)
        yield from self.click(x, y)


def play(scenario: Callable[[Desk], Steps], desk: Desk) -> None:
    """Start the timer that plays a scenario, then writes the result and quits Blender."""
    steps = _to_the_end(scenario, desk)

    def tick() -> float | None:
        if next(steps, "ended") == "ended":
            bpy.ops.wm.quit_blender()
            return None
        return TICK_S

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


def _to_the_end(scenario: Callable[[Desk], Steps], desk: Desk) -> Steps:
    result = {"passed": desk.passed, "marks": desk.marks, "error": ""}
    try:
        yield from scenario(desk)
    except BaseException:  # whatever it is, the host shall read of it
        result["error"] = traceback.format_exc()
        yield from desk.shot("failed")
    (desk.folder / "result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    scenario_file, out = sys.argv[sys.argv.index("--") + 1 :]
    play(runpy.run_path(scenario_file)["scenario"], Desk(Path(out)))
