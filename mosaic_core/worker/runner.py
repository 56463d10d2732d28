"""Runs one job in a GPU process: turns its messages into events, and effects into deeds (see `jobs`).

Blender calls `tick` from a timer, the command line calls `run_blocking`; both get the same machine. Standard library
only. One job at a time: a second process would fight the first for the GPU's memory, so a guard refuses it.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Cancelled, GenerateError, WorkerError
from ..version import VERSION
from .client import Garbage, WorkerClient
from .events import (
    CancelAsked,
    Effect,
    Ended,
    Event,
    Finished,
    Frame,
    Garbled,
    Heartbeat,
    Hello,
    Refused,
    Tick,
)
from .exits import log_tail
from .jobs import JobState, Limits, Phase, initial_state, transition
from .partial import remove_partial
from .protocol import Failure, Message, Notification, ProtocolError, Result, WorkerFacts, facts_from_json


class JobGuard:
    """Lets one job run at a time; a runner that was dropped without `close` does not hold it."""

    def __init__(self) -> None:
        self._holder: weakref.ReferenceType[JobRunner] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._holder is not None and self._holder() is not None

    def take(self, runner: JobRunner) -> None:
        """Give the right to run to `runner`. Raises `WorkerError` while another has it."""
        if self.busy:
            raise WorkerError("Another job is still running: wait for it or cancel it first")
        self._holder = weakref.ref(runner)

    def give_back(self, runner: JobRunner) -> None:
        """End the right of `runner`, if it has it."""
        if self._holder is not None and self._holder() is runner:
            self._holder = None


# One for the whole of this process: one Blender, one job.
THE_GUARD = JobGuard()


class JobRunner:
    """One job and its process, from start to a final phase. Starts at once; call `tick` every 0.1 s, then `close`.

    Raises `WorkerError` when the job cannot even start: another one runs, the Python is missing or may not be
    executed, the log cannot be written. Everything later arrives as a failed `state`.
    """

    def __init__(
        self,
        python: str | os.PathLike[str],
        *,
        shot_json: dict[str, Any] | None,
        out_dir: Path | None,
        log_file: Path,
        package_root: Path | None = None,
        command: list[str] | None = None,
        limits: Limits | None = None,
        guard: JobGuard | None = THE_GUARD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._clock, self._guard = limits or Limits(), clock, guard
        self._shot_json, self._out_dir = shot_json, Path(out_dir).absolute() if out_dir else None
        self._hello_id = self._generate_id = -1
        log_file = Path(log_file).absolute()
        if guard is not None:
            guard.take(self)
        try:
            self._client = WorkerClient.start(
                python,
                log_file=log_file,
                package_root=package_root,
                command=command,
                garbage_lines=self._limits.garbage_lines,
            )
        except BaseException:
            self._free_guard()
            raise
        job_id = None if shot_json is None else uuid.uuid4().hex
        self.state: JobState = initial_state(job_id=job_id, log_file=str(log_file), limits=self._limits, now_s=clock())
        self._hello_id = self._client.request("hello")

    @property
    def pid(self) -> int:
        """The id of the started process."""
        return self._client.pid

    def tick(self) -> JobState:
        """Bring `state` up to date and return it. Never waits."""
        for message in self._client.poll():
            event = self._event_of(message)
            if event is not None:
                self._apply(event)
        if not self.state.finished and self._client.ended:
            tail = log_tail(self._client.log_file)
            self._apply(Ended(self._clock(), self._client.ending_in_words, tail))
        self._apply(Tick(self._clock()))
        return self.state

    def cancel(self) -> None:
        """Ask for the end of the job; the phase becomes CANCELLED some ticks later, within seconds for certain."""
        self._apply(CancelAsked(self._clock()))

    def close(self, deadline_s: float = 2.0) -> None:
        """End the process, whatever it does, and wait until it is gone. An unfinished job ends as CANCELLED."""
        self.tick()
        self.cancel()
        self._client.close(deadline_s)
        self._apply(Ended(self._clock(), self._client.ending_in_words, log_tail(self._client.log_file)))
        self._free_guard()

    def _apply(self, event: Event) -> None:
        self.state, effects = transition(self.state, event, mosaic_version=VERSION)
        for effect in effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Effect.SEND_GENERATE:
                self._send_generate()
            case Effect.SEND_CANCEL:
                self._client.cancel(self.state.job_id or "")
            case Effect.CLOSE_INPUT:
                self._client.close_input()
            case Effect.TERMINATE:
                self._client.terminate()
            case Effect.KILL:
                self._client.kill()
            case Effect.CLEAN_UP:
                self._clean_up()

    def _send_generate(self) -> None:
        params = {
            "job_id": self.state.job_id,
            "shot": self._shot_json,
            "out_dir": str(self._out_dir),
        }
        try:
            self._generate_id = self._client.request("generate", params)
        except ProtocolError as error:
            self._apply(Refused(self._clock(), "invalid_params", str(error)))

    def _clean_up(self) -> None:
        if self._out_dir is not None:
            pids = {self._client.pid, self.state.facts.pid if self.state.facts else None}
            for pid in pids - {None}:
                remove_partial(self._out_dir, pid)
        self._client.release()
        self._free_guard()

    def _free_guard(self) -> None:
        if self._guard is not None:
            self._guard.give_back(self)

    def _event_of(self, message: Message | Garbage) -> Event | None:
        now_s = self._clock()
        match message:
            case Garbage():
                return Garbled(now_s, message.sample)
            case Result(id=number) if number == self._hello_id:
                return Hello(now_s, facts_from_json(message.result))
            case Result(id=number) if number == self._generate_id:
                return Finished(now_s, message.result)
            case Failure(id=number) if number in (self._hello_id, self._generate_id, None):
                return Refused(now_s, message.name, message.message)
            case Notification(method="heartbeat"):
                return Heartbeat(now_s)
            case Notification(method="frame", params=params):
                is_ours = params.get("job_id") == self.state.job_id
                return _frame_event(now_s, params) if is_ours else None
        return None  # the answer to a cancel, or news a later version may send


def _frame_event(now_s: float, params: dict[str, Any]) -> Event:
    try:
        return Frame(
            now_s,
            index=int(params["index"]),
            total=int(params["total"]),
            frame_number=int(params["frame_number"]),
            file=str(params["file"]),
            covered_fraction=_number_or_none(params.get("covered_fraction")),
            seconds_left=_number_or_none(params.get("seconds_left")),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return Garbled(now_s, f"a frame message without proper {error}")


def _number_or_none(value: Any) -> float | None:
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None


def run_blocking(
    runner: JobRunner, on_progress: Callable[[JobState], None] | None = None, *, interval_s: float = 0.05
) -> dict[str, Any]:
    """Run the job to its end and return the clip: folder, frames_dir, video_file, manifest_file.

    `on_progress` is called with every new state. Ctrl-C cancels the job. Raises `GenerateError` where the shot is at
    fault, `WorkerError` where the process is, and `Cancelled`. The process is gone afterwards in any case.
    """
    shown = None
    try:
        while not runner.state.finished:
            try:
                state = runner.tick()
                if on_progress is not None and _visible(state) != shown:
                    shown = _visible(state)
                    on_progress(state)
                time.sleep(interval_s)
            except KeyboardInterrupt:
                if runner.state.phase is Phase.CANCELLING:
                    raise
                runner.cancel()
    finally:
        runner.close()
    return _clip_or_raise(runner.state)


def _visible(state: JobState) -> tuple[Any, ...]:
    return state.phase, state.message, state.done, state.last_frame_file


def _clip_or_raise(state: JobState) -> dict[str, Any]:
    if state.phase is Phase.DONE:
        return state.result or {}
    if state.phase is Phase.CANCELLED:
        raise Cancelled("The job was cancelled")
    sentence = state.error or "The GPU process failed"
    raise GenerateError(sentence) if state.error_name == "failed" else WorkerError(sentence)


def start_probe(
    python: str | os.PathLike[str],
    *,
    log_file: Path,
    package_root: Path | None = None,
    command: list[str] | None = None,
    limits: Limits | None = None,
) -> JobRunner:
    """A runner that only asks the process who it is: tick it until finished, then read `state.facts` and `state.error`.

    Allowed beside a running job. Raises `WorkerError` where the Python is missing or may not be executed.
    """
    return JobRunner(
        python,
        shot_json=None,
        out_dir=None,
        log_file=log_file,
        package_root=package_root,
        command=command,
        limits=limits,
        guard=None,
    )


def probe_python(
    python: str | os.PathLike[str],
    package_root: Path | None = None,
    *,
    command: list[str] | None = None,
    limits: Limits | None = None,
) -> WorkerFacts:
    """What this Python would be as a GPU process: start it, ask, end it. Waits for it; see `start_probe`.

    Never raises for what is wrong with the Python: that is the facts' `error`, one sentence.
    """
    with tempfile.TemporaryDirectory(prefix="mosaic-probe-", ignore_cleanup_errors=True) as folder:
        runner, log_file = None, Path(folder) / "probe.log"
        try:
            runner = start_probe(
                python,
                log_file=log_file,
                package_root=package_root,
                command=command,
                limits=limits,
            )
            run_blocking(runner)
        except (WorkerError, GenerateError) as error:
            facts = runner.state.facts if runner is not None else None
            sentence = str(error).removesuffix(f" Log: {log_file}")  # which is gone in a moment
            return replace(facts or WorkerFacts(), error=sentence)
        return runner.state.facts or WorkerFacts(error="The GPU process did not say who it is")
