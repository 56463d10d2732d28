"""Long work on a terminal: its own lines to read, Blender's in a log, errors in one line."""

from __future__ import annotations

import os

import pytest

from blender_addon.output import run_logged
from mosaic_core.errors import MosaicError


def test_the_terminal_shows_what_the_work_says_and_the_log_the_rest(tmp_path, capfd):
    def work(say):
        os.write(1, b"Fra:1 Mem:12M\n")  # as Blender does, past Python
        say("half done")

    assert run_logged("tool", tmp_path / "new" / "log", work) == 0
    out, err = capfd.readouterr()
    assert out.endswith("s] half done\n") and out.count("\n") == 1 and not err
    assert (tmp_path / "new" / "log").read_text() == "Fra:1 Mem:12M\n"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(MosaicError("no such place"), 1, "no such place"), (KeyboardInterrupt(), 130, "stopped")],
)
def test_an_error_is_one_line_and_an_exit_code(tmp_path, capfd, error, code, words):
    def work(say):
        raise error

    assert run_logged("tool", tmp_path / "log", work) == code
    assert capfd.readouterr().err == f"tool: {words}\n"


def test_what_is_checked_first_leaves_nothing_behind(tmp_path, capfd):
    def check():
        raise MosaicError("nothing to film")

    assert run_logged("tool", tmp_path / "new" / "log", lambda say: None, check=check) == 1
    assert not (tmp_path / "new").exists()
