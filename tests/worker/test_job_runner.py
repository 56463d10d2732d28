"""What an artist sees when the GPU process works, stumbles, or dies."""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import replace

import pytest

from mosaic_core.errors import Cancelled, GenerateError, WorkerError
from mosaic_core.worker import JobGuard, JobRunner, Phase, probe_python, run_blocking

from .fake_jobs import FAKE_COMMAND, SHORT, process_runs, run_to_end, wait_until


def partial_folders(tmp_path):
    return list((tmp_path / "out").glob(".mosaic-partial-*"))


def test_a_job_shows_its_progress_and_ends_with_the_clip(start_job, tmp_path):
    runner = start_job("ok", frames=4)
    seen = []
    assert wait_until(lambda: seen.append(runner.tick()) or runner.state.finished)
    assert runner.state.phase is Phase.DONE
    assert runner.state.result["video_file"] == str(tmp_path / "out" / "clip.mp4")
    assert len(list((tmp_path / "out" / "frames").iterdir())) == 4
    progress = [state.done for state in seen]
    assert progress == sorted(progress) and {1, 2, 3, 4} <= set(progress)
    assert any(state.message == "Frame 2 of 4, 3 s left" for state in seen)
    assert runner.state.fraction == 1.0 and runner.state.error is None
    assert not process_runs(runner.pid)


def test_a_tick_never_makes_blender_wait(start_job):
    runner = start_job("ok", frames=10, pause_s=0.01)
    taken_s = []
    while not runner.state.finished:
        before_s = time.perf_counter()
        runner.tick()
        taken_s.append(time.perf_counter() - before_s)
        time.sleep(0.005)
    # Not the slowest: on a busy machine that one says how long this process was not let run.
    assert sorted(taken_s)[len(taken_s) * 9 // 10] < 0.01


def test_a_huge_shot_and_a_frozen_process_do_not_block_the_caller(start_job, tmp_path):
    runner = start_job("silent")
    runner._shot_json = {"filler": "x" * 4_000_000}
    before_s = time.perf_counter()
    for _ in range(5):
        runner._send_generate()
    assert time.perf_counter() - before_s < 0.5
    runner.cancel()
    assert run_to_end(runner).phase is Phase.CANCELLED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("crash", "ended with exit code 3, after frame 1 of 3. It said last: RuntimeError: the reactor"),
        ("kill_itself", "was killed (signal 9), often because memory ran out, after frame 1 of 3"),
        ("hang", "is stuck: no frame for 0.5 s, after frame 1 of 3"),
        ("freeze", "froze: nothing was heard from it for 0.5 s, after frame 1 of 3"),
        ("out_of_memory", "Memory ran out on Fake CPU"),
        ("fails", "the memory file does not exist"),
        ("garbage", "printed garbage instead of messages"),
        ("flood", "printed garbage instead of messages"),
        ("lacks_torch", "This Python lacks torch"),
        ("old_protocol", "speaks protocol version 0 and Mosaic here expects 1"),
        ("other_version", "runs Mosaic 0.0.9 and Mosaic here is"),
        ("dies_at_start", "before it answered. It said last: ImportError: libtorch.so"),
        ("silent", "did not answer within 0.5 s"),
        ("wrong_frame", "printed garbage instead of messages"),
    ],
)
def test_every_mishap_ends_in_a_sentence_and_leaves_nothing(start_job, tmp_path, mode, words):
    shortened = {
        "hang": replace(SHORT, frame_s=0.5),
        "freeze": replace(SHORT, heartbeat_s=0.5),
        "silent": replace(SHORT, hello_s=0.5),
    }
    runner = start_job(mode, limits=shortened.get(mode, SHORT))
    state = run_to_end(runner)
    assert state.phase is Phase.FAILED
    assert words in state.error
    assert "Traceback" not in state.error
    assert partial_folders(tmp_path) == []
    assert not process_runs(runner.pid)


def test_a_death_names_the_log_and_shows_its_end(start_job, tmp_path):
    state = run_to_end(start_job("crash"))
    assert str(tmp_path / "worker.log") in state.error
    assert "about to crash" in state.log_tail
    assert "about to crash" in state.report and state.error in state.report


def test_a_few_stray_lines_are_borne_and_kept_in_the_log(start_job, tmp_path):
    state = run_to_end(start_job("stray_line"))
    assert state.phase is Phase.DONE
    assert "a harmless warning" in (tmp_path / "worker.log").read_text()


def test_a_known_process_may_print_more(start_job, tmp_path):
    assert run_to_end(start_job("chatty")).phase is Phase.DONE
    assert (tmp_path / "worker.log").read_text().count("loading shards") == 30


def test_a_flood_of_garbage_does_not_fill_the_disk(start_job, tmp_path):
    run_to_end(start_job("flood"))
    assert (tmp_path / "worker.log").stat().st_size < 100_000


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["ok", "ignores_cancel", "stubborn", "hang", "silent"])
def test_cancel_ends_the_job_whatever_the_process_does(start_job, tmp_path, mode):
    runner = start_job(mode, frames=1000, limits=SHORT)
    if mode == "silent":
        runner.tick()
    else:
        assert wait_until(lambda: runner.tick().done > 0)
    runner.cancel()
    assert runner.state.phase is Phase.CANCELLING
    state = run_to_end(runner, limit_s=4.0)
    assert state.phase is Phase.CANCELLED and state.error is None and state.result is None
    assert partial_folders(tmp_path) == []
    assert not process_runs(runner.pid)


def test_close_in_the_middle_of_a_job_leaves_nothing(start_job, tmp_path):
    runner = start_job("ok", frames=1000)
    assert wait_until(lambda: runner.tick().done > 0)
    runner.close(0.2)
    assert runner.state.phase is Phase.CANCELLED
    assert not process_runs(runner.pid)
    assert partial_folders(tmp_path) == []
    runner.close()  # twice is fine


def test_what_the_process_started_dies_with_it(start_job, tmp_path):
    run_to_end(start_job("with_child"))
    child_pid = int((tmp_path / "out" / "child.pid").read_text())
    assert wait_until(lambda: not process_runs(child_pid))


def test_a_second_job_is_refused_until_the_first_is_over(start_job):
    guard = JobGuard()
    first = start_job("ok", guard=guard, frames=1000)
    with pytest.raises(WorkerError, match="Another job is still running"):
        start_job("ok", guard=guard)
    first.cancel()
    run_to_end(first)
    assert run_to_end(start_job("ok", guard=guard)).phase is Phase.DONE
    assert not guard.busy


def test_a_job_that_could_not_start_does_not_block_the_next(start_job, tmp_path):
    guard = JobGuard()
    with pytest.raises(WorkerError, match="does not exist"):
        JobRunner(
            str(tmp_path / "no-python"),
            shot_json={},
            out_dir=tmp_path,
            log_file=tmp_path / "a.log",
            guard=guard,
        )
    gc.collect()
    assert run_to_end(start_job("ok", guard=guard)).phase is Phase.DONE


def test_an_unwritable_log_is_said_before_anything_starts(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(WorkerError, match="Cannot write the GPU process's log"):
        JobRunner(
            sys.executable,
            shot_json={},
            out_dir=tmp_path,
            log_file=blocker / "worker.log",
            guard=JobGuard(),
        )


def test_run_blocking_returns_the_clip_and_tells_the_progress(start_job, tmp_path):
    told = []
    clip = run_blocking(start_job("ok"), lambda state: told.append(state.message), interval_s=0.005)
    assert set(clip) == {"folder", "frames_dir", "video_file", "manifest_file"}
    assert told[0] == "Starting the GPU process" and told[-1] == "Done"


@pytest.mark.parametrize(
    ("mode", "error"), [("fails", GenerateError), ("out_of_memory", WorkerError), ("crash", WorkerError)]
)
def test_run_blocking_raises_what_went_wrong(start_job, mode, error):
    with pytest.raises(error) as raised:
        run_blocking(start_job(mode), interval_s=0.005)
    assert type(raised.value) is error


def test_control_c_cancels_the_job(start_job, tmp_path):
    def press(state):
        if state.done == 2 and state.phase is Phase.RUNNING:
            raise KeyboardInterrupt

    runner = start_job("ok", frames=1000)
    with pytest.raises(Cancelled):
        run_blocking(runner, press, interval_s=0.005)
    assert partial_folders(tmp_path) == []


def test_a_defect_in_the_progress_display_still_ends_the_process(start_job, tmp_path):
    def broken(_state):
        raise ZeroDivisionError

    runner = start_job("ok", frames=1000)
    with pytest.raises(ZeroDivisionError):
        run_blocking(runner, broken)
    assert not process_runs(runner.pid)


def test_the_probe_says_what_it_found():
    facts = probe_python(sys.executable, command=[*FAKE_COMMAND, "ok"])
    assert facts.error is None
    assert facts.torch_version == "2.9.0"
    assert facts.device == "Fake CPU (1.0 GB free)"
    assert facts.engines == ("preview",)


@pytest.mark.parametrize(
    ("mode", "words"),
    [("lacks_torch", "lacks torch"), ("dies_at_start", "libtorch"), ("garbage", "garbage")],
)
def test_the_probe_never_raises(mode, words):
    facts = probe_python(sys.executable, command=[*FAKE_COMMAND, mode], limits=SHORT)
    assert words in facts.error and "probe.log" not in facts.error


def test_the_probe_of_no_python_says_so_at_once(tmp_path):
    plain_file = tmp_path / "python"
    plain_file.write_text("")
    assert "may not be executed" in probe_python(plain_file).error
    assert "does not exist" in probe_python(tmp_path / "nothing").error
    assert "is a folder" in probe_python(tmp_path).error
    assert "No Python is chosen" in probe_python("  ").error
    plain_file.chmod(0o755)
    plain_file.write_bytes(b"\x7fELF not really")
    assert "Cannot start" in probe_python(plain_file).error
