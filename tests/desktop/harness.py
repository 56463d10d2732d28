"""The host's side of the desktop tests: a virtual screen, a Blender of its own settings, and scenarios played in it.

Nothing of the user's Blender is touched: settings, extensions and temporary files live in a folder of the test.
The screen is an Xvfb whose frame buffer is a file, so a picture needs no further program.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent
SCREEN_WIDTH, SCREEN_HEIGHT = 1600, 1000


class Screen:
    """A virtual screen; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Screen:
        if shutil.which("Xvfb") is None:
            raise RuntimeError("the desktop tests need Xvfb (Debian: apt-get install xvfb)")
        read_fd, write_fd = os.pipe()
        size = f"{SCREEN_WIDTH}x{SCREEN_HEIGHT}x24"
        self._server = subprocess.Popen(
            [
                *("Xvfb", "-displayfd", str(write_fd), "-screen", "0", size),
                # Without a cursor: the server's stays in the middle, and events are simulated elsewhere.
                *("-fbdir", str(self._folder), "-noreset", "-nolisten", "tcp", "-nocursor"),
            ],
            pass_fds=[write_fd],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write_fd)
        with os.fdopen(read_fd) as pipe:
            number = pipe.readline().strip()  # empty when the server died
        if not number:
            raise RuntimeError("Xvfb did not start")
        self.name = f":{number}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(10)

    def shot(self, png_file: Path) -> None:
        """What is on the screen now. The frame buffer is an XWD file: header, colour map, BGRX rows."""
        data = (self._folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        header_size, width, height, row_bytes, colours = (header[i] for i in (0, 4, 5, 12, 19))
        pixels = np.frombuffer(data, np.uint8, height * row_bytes, header_size + colours * 12)
        rows = pixels.reshape(height, row_bytes)[:, : width * 4].reshape(height, width, 4)
        Image.fromarray(np.ascontiguousarray(rows[..., 2::-1])).save(png_file)


class DesktopBlender:
    """A desktop Blender with settings of its own under `home`."""

    def __init__(self, executable: str, home: Path) -> None:
        self.executable, self.home = executable, home
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("BLENDER_USER", "PYTHON"))},
            "BLENDER_USER_RESOURCES": str(home),
            # Its own, because Mesa maps the cache into memory: shared with another Blender it ended in SIGBUS.
            "MESA_SHADER_CACHE_DIR": str(home / "shaders"),
            "MOSAIC_PYTHON": sys.executable,
        }

    def run(self, *arguments: str | Path, limit_s: float = 300.0, **environment: str):
        """Blender in the background, to its end."""
        return subprocess.run(
            [self.executable, "-b", *map(str, arguments)],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )

    def install(self, zip_file: Path) -> str:
        """Install and enable an extension; returns what Blender said."""
        run = self.run(
            *("--command", "extension", "install-file", "--repo", "user_default", "--enable"),
            zip_file,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def play(
        self,
        scenario_file: Path,
        *,
        blend_file: Path | None,
        folder: Path,
        shots: Path,
        limit_s: float = 400.0,
        environment: dict[str, str | None] | None = None,
    ) -> dict:
        """Play a scenario in a real window; returns its `passed` steps, its `marks` and its `error` ("" is none).

        `environment` changes variables; None takes one away. Blender is killed past `limit_s`. Its own log is
        `folder`/blender.log.
        """
        folder.mkdir(parents=True, exist_ok=True)
        shots.mkdir(parents=True, exist_ok=True)
        variables = self.environment | {"DISPLAY": ""} | (environment or {})
        opened = ["--enable-event-simulate", "--window-geometry", "0", "0"]
        opened += [str(SCREEN_WIDTH), str(SCREEN_HEIGHT)]
        opened += [str(blend_file)] if blend_file else []
        opened += ["--python-exit-code", "1", "--python", str(FOLDER / "stepper.py")]
        with Screen(folder) as screen, (folder / "blender.log").open("wb") as log:
            variables["DISPLAY"] = screen.name
            process = subprocess.Popen(
                [self.executable, *opened, "--", str(scenario_file), str(folder)],
                env={k: v for k, v in variables.items() if v is not None},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                _serve_shots(process, screen, folder=folder, shots=shots, limit_s=limit_s)
            finally:
                process.kill()
                process.wait(30)
        return _result(folder)


def _serve_shots(process, screen: Screen, *, folder: Path, shots: Path, limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while process.poll() is None:
        for wanted in folder.glob("*.want"):
            screen.shot(shots / f"{wanted.stem}.png")
            wanted.unlink()
        if time.monotonic() > end:
            screen.shot(shots / "hung.png")
            return
        time.sleep(0.1)


def _result(folder: Path) -> dict:
    log = (folder / "blender.log").read_text(encoding="utf-8", errors="replace")[-4000:]
    result_file = folder / "result.json"
    if not result_file.is_file():
        return {"passed": [], "marks": {}, "error": f"Blender ended or hung without a result; its log:\n{log}"}
    result = json.loads(result_file.read_text(encoding="utf-8"))
    if result["error"]:
        result["error"] += f"\nafter {result['passed']}\nBlender's log:\n{log}"
    return result
