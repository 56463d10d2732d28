"""The life of one job as a pure state machine: `transition(state, event)` gives the next state and what to do.

No I/O, no clock, no threads: every event carries its time, every action is returned as an `Effect`. So each odd
moment (a crash while cancelling, a frame after the end) is a unit test, and the same machine serves Blender's timer
and the command line. `runner.JobRunner` does the I/O.

    STARTING -> RUNNING -> DONE | FAILED
        \\___________\\-> CANCELLING -> CANCELLED (or DONE, where the clip was whole before the cancel arrived)

A job whose outcome is known still waits, in its old phase, until its process has ended: a final phase therefore
means that no process is left and nothing half-written lies on disk.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..wording import Phrase, phrase
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
from .exits import telling_line
from .protocol import PROTOCOL_VERSION, WorkerFacts


class Phase(enum.StrEnum):
    """Where a job stands; the last three are final."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL_PHASES = frozenset({Phase.DONE, Phase.FAILED, Phase.CANCELLED})


class Stop(enum.Enum):
    """How hard the process has been asked to end so far; each step has its deadline in `Limits`."""

    NOT = 0
    CANCEL_SENT = 1
    INPUT_CLOSED = 2
    TERMINATED = 3
    KILLED = 4


@dataclass(frozen=True)
class Limits:
    """Every time limit of a job, in seconds, and how much garbage is borne. Tests shorten them."""

    hello_s: float = 120.0  # the first import of torch from a cold disk takes a minute and more
    heartbeat_s: float = 30.0  # a process that says nothing is frozen; it speaks every 2 s
    frame_s: float = 600.0  # a process that speaks but makes no frame is stuck
    cancel_s: float = 5.0
    close_s: float = 2.0
    terminate_s: float = 3.0
    kill_s: float = 5.0
    pause_s: float = 5.0  # what a gap between two ticks is longer than this was our own sleep
    garbage_lines: int = 5  # lines before the first message that are none


@dataclass(frozen=True)
class JobState:
    """Everything the panel and the command line show about a job, and what the machine must remember."""

    job_id: str | None  # None: only ask the process who it is
    log_file: str
    limits: Limits = Limits()
    phase: Phase = Phase.STARTING
    message: str = phrase("Starting the GPU process")
    facts: WorkerFacts | None = None
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    frame_number: int | None = None
    covered_fraction: float | None = None
    last_frame_file: str | None = None
    result: dict[str, Any] | None = None  # the clip: folder, frames_dir, video_file, manifest_file
    error: str | None = None  # one sentence
    error_name: str | None = None
    log_tail: tuple[str, ...] = ()
    # What follows is the machine's own.
    outcome: Phase | None = None  # decided, but the process has not ended yet
    stop: Stop = Stop.NOT
    stop_at_s: float = 0.0
    started_at_s: float = 0.0
    heard_at_s: float = 0.0
    frame_at_s: float = 0.0
    looked_at_s: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether the phase is final."""
        return self.phase in FINAL_PHASES

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1."""
        return 1.0 if self.phase is Phase.DONE else self.done / self.total if self.total else 0.0

    @property
    def report(self) -> str:
        """The error with the end of the log, to copy into a bug report; empty where nothing went wrong."""
        if self.error is None:
            return ""
        return "\n".join([self.error, "", f"Log: {self.log_file}", *self.log_tail])


def initial_state(*, job_id: str | None, log_file: str, limits: Limits, now_s: float) -> JobState:
    """The state of a job whose process was started just now."""
    return JobState(
        job_id,
        log_file,
        limits,
        started_at_s=now_s,
        heard_at_s=now_s,
        frame_at_s=now_s,
        looked_at_s=now_s,
    )


Step = tuple[JobState, tuple[Effect, ...]]


def transition(state: JobState, event: Event, *, mosaic_version: str) -> Step:
    """The state after `event`, and what to do now. A finished job ignores everything.

    `mosaic_version` is this side's version: a process of another one is refused.
    """
    if state.finished:
        return state, ()
    if isinstance(event, Hello):
        return _on_hello(state, event, mosaic_version)
    return _HANDLERS[type(event)](state, event)


def _on_hello(state: JobState, event: Hello, mosaic_version: str) -> Step:
    if state.phase is not Phase.STARTING or state.outcome is not None:
        return state, ()
    state = replace(state, facts=event.facts, heard_at_s=event.now_s, frame_at_s=event.now_s)
    refusal = _refusal(event.facts, mosaic_version)
    if refusal is not None:
        return _end(state, Phase.FAILED, event.now_s, error=refusal, name="refused")
    if state.job_id is None:
        return _end(state, Phase.DONE, event.now_s)
    return replace(state, phase=Phase.RUNNING, message=phrase("Loading")), (Effect.SEND_GENERATE,)


def _refusal(facts: WorkerFacts, mosaic_version: str) -> str | None:
    if facts.protocol_version != PROTOCOL_VERSION:
        return (
            f"The GPU process speaks protocol version {facts.protocol_version} and Mosaic here expects "
            f"{PROTOCOL_VERSION}: restart Blender after updating the extension"
        )
    if facts.mosaic_version != mosaic_version:
        return (
            f"The GPU process runs Mosaic {facts.mosaic_version or '?'} and Mosaic here is {mosaic_version}: "
            "restart Blender after updating the extension"
        )
    return facts.error


def _on_heartbeat(state: JobState, event: Heartbeat) -> Step:
    return replace(state, heard_at_s=event.now_s), ()


def _on_frame(state: JobState, event: Frame) -> Step:
    if state.outcome is not None or state.phase is Phase.STARTING:
        return state, ()
    done = max(state.done, event.index + 1)
    state = replace(
        state,
        heard_at_s=event.now_s,
        frame_at_s=event.now_s,
        done=done,
        total=event.total,
        frame_number=event.frame_number,
        last_frame_file=event.file,
        covered_fraction=event.covered_fraction,
        seconds_left=event.seconds_left,
    )
    if state.phase is Phase.RUNNING:
        state = replace(state, message=_progress_words(done, event.total, event.seconds_left))
    return state, ()


def _progress_words(done: int, total: int, seconds_left: float | None) -> Phrase:
    if done >= total:
        return phrase("Frame {done} of {total}, writing the video", done=done, total=total)
    if seconds_left is None:
        return phrase("Frame {done} of {total}", done=done, total=total)
    minutes, seconds = divmod(round(seconds_left), 60)
    left = f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
    return phrase("Frame {done} of {total}, {left} left", done=done, total=total, left=left)


def _on_finished(state: JobState, event: Finished) -> Step:
    if state.outcome is not None or state.phase is Phase.STARTING:
        return state, ()
    # The frames were told where they were made, and have moved since.
    frames_dir, file = event.clip.get("frames_dir"), state.last_frame_file
    if frames_dir and file:
        file = str(Path(str(frames_dir)) / Path(file).name)
    state = replace(state, result=event.clip, seconds_left=0.0, last_frame_file=file)
    return _end(state, Phase.DONE, event.now_s)


def _on_refused(state: JobState, event: Refused) -> Step:
    if state.outcome is not None:
        return state, ()
    if state.phase is Phase.CANCELLING or event.name == "cancelled":
        return _end(state, Phase.CANCELLED, event.now_s)
    return _end(state, Phase.FAILED, event.now_s, error=event.message, name=event.name)


def _on_garbled(state: JobState, event: Garbled) -> Step:
    if state.outcome is not None:
        return state, ()
    if state.phase is Phase.CANCELLING:
        return _kill(state, event.now_s, outcome=Phase.CANCELLED)
    error = (
        f'The GPU process printed garbage instead of messages ("{event.sample}"): '
        f"is the chosen program really a Python? Log: {state.log_file}"
    )
    return _kill(state, event.now_s, error=error, name="garbage")


def _on_cancel(state: JobState, event: CancelAsked) -> Step:
    if state.outcome is not None or state.phase is Phase.CANCELLING:
        return state, ()
    if state.phase is Phase.STARTING:
        state, effects = _end(state, Phase.CANCELLED, event.now_s)
        return replace(state, phase=Phase.CANCELLING, message=phrase("Cancelling")), effects
    state = replace(state, phase=Phase.CANCELLING, message=phrase("Cancelling"), seconds_left=None)
    return _stop(state, Stop.CANCEL_SENT, event.now_s), (Effect.SEND_CANCEL,)


def _on_ended(state: JobState, event: Ended) -> Step:
    state = replace(state, log_tail=event.log_tail)
    if state.outcome is not None:
        return _finish(state, state.outcome)
    if state.phase is Phase.CANCELLING:
        return _finish(state, Phase.CANCELLED)
    where = {Phase.STARTING: "before it answered"}.get(state.phase, _where(state))
    line = telling_line(event.log_tail)
    said = f" It said last: {line}." if line else ""
    remedy = "Test its Python" if state.phase is Phase.STARTING else "Generate again; if it ends twice, smaller"
    error = f"The GPU process {event.words}, {where}.{said} {remedy}. Log: {state.log_file}"
    return _finish(replace(state, error=error, error_name="died"), Phase.FAILED)


def _where(state: JobState) -> str:
    return f"after frame {state.done} of {state.total}" if state.total else "before the first frame"


def _on_tick(state: JobState, event: Tick) -> Step:
    state = _forgive_pause(state, event.now_s)
    limits, now_s = state.limits, event.now_s
    if state.stop is not Stop.NOT:
        return _stop_harder(state, now_s)
    if state.phase is Phase.STARTING:
        if now_s - state.started_at_s < limits.hello_s:
            return state, ()
        error = f"The GPU process did not answer within {limits.hello_s:g} s of its start: test its Python."
    elif now_s - state.heard_at_s >= limits.heartbeat_s:
        error = f"The GPU process froze: nothing was heard from it for {limits.heartbeat_s:g} s, {_where(state)}. "
        error += "Generate again; if it freezes twice, smaller or with the engine preview."
    elif now_s - state.frame_at_s >= limits.frame_s:
        error = f"The GPU process is stuck: no frame for {limits.frame_s:g} s, {_where(state)}. "
        error += "Generate smaller, or with the engine preview."
    else:
        return state, ()
    return _kill(state, now_s, error=f"{error} Log: {state.log_file}", name="hung")


def _forgive_pause(state: JobState, now_s: float) -> JobState:
    """A laptop that slept, or a Blender that was busy, must not make the process look dead."""
    pause_s = now_s - state.looked_at_s - state.limits.pause_s
    state = replace(state, looked_at_s=now_s)
    if pause_s <= 0.0:
        return state
    return replace(
        state,
        started_at_s=min(now_s, state.started_at_s + pause_s),
        heard_at_s=min(now_s, state.heard_at_s + pause_s),
        frame_at_s=min(now_s, state.frame_at_s + pause_s),
        stop_at_s=min(now_s, state.stop_at_s + pause_s),
    )


def _stop_harder(state: JobState, now_s: float) -> Step:
    limits = state.limits
    deadline_s, following, effects = {
        Stop.CANCEL_SENT: (limits.cancel_s, Stop.TERMINATED, (Effect.TERMINATE,)),
        Stop.INPUT_CLOSED: (limits.close_s, Stop.TERMINATED, (Effect.TERMINATE,)),
        Stop.TERMINATED: (limits.terminate_s, Stop.KILLED, (Effect.KILL,)),
        # A process in an uninterruptible driver call outlives even this; the artist goes on regardless.
        Stop.KILLED: (limits.kill_s, Stop.KILLED, ()),
    }[state.stop]
    if now_s - state.stop_at_s < deadline_s:
        return state, ()
    if state.stop is Stop.KILLED:
        return _finish(state, state.outcome or Phase.CANCELLED)
    return _stop(state, following, now_s), effects


def _stop(state: JobState, stop: Stop, now_s: float) -> JobState:
    return replace(state, stop=stop, stop_at_s=now_s)


def _end(state: JobState, outcome: Phase, now_s: float, *, error: str | None = None, name: str | None = None) -> Step:
    """The outcome is known; let the process end by itself."""
    state = replace(state, outcome=outcome, error=error, error_name=name, message=phrase("Ending"))
    return _stop(state, Stop.INPUT_CLOSED, now_s), (Effect.CLOSE_INPUT,)


def _kill(
    state: JobState,
    now_s: float,
    *,
    outcome: Phase = Phase.FAILED,
    error: str | None = None,
    name: str | None = None,
) -> Step:
    """The process is past talking to."""
    state = replace(state, outcome=outcome, error=error, error_name=name, message=phrase("Ending"))
    return _stop(state, Stop.KILLED, now_s), (Effect.KILL,)


def _finish(state: JobState, phase: Phase) -> Step:
    words = {Phase.DONE: phrase("Done"), Phase.CANCELLED: phrase("Cancelled")}.get(
        phase, state.error or phrase("Failed")
    )
    # What was made of an unfinished clip is removed, the last frame too.
    file = state.last_frame_file if phase is Phase.DONE else None
    state = replace(state, phase=phase, message=words, seconds_left=None, last_frame_file=file)
    return state, (Effect.CLEAN_UP,)


_HANDLERS: dict[type, Callable[[JobState, Any], Step]] = {
    Heartbeat: _on_heartbeat,
    Frame: _on_frame,
    Finished: _on_finished,
    Refused: _on_refused,
    Garbled: _on_garbled,
    CancelAsked: _on_cancel,
    Ended: _on_ended,
    Tick: _on_tick,
}
