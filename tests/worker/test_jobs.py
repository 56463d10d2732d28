"""The job's state machine: every state meets every event, without a process."""

from __future__ import annotations

import dataclasses
import random

import pytest

from mosaic_core.worker.events import (
    CancelAsked,
    Effect,
    Ended,
    Finished,
    Frame,
    Garbled,
    Heartbeat,
    Hello,
    Refused,
    Tick,
)
from mosaic_core.worker.jobs import FINAL_PHASES, Limits, Phase, initial_state, transition
from mosaic_core.worker.protocol import PROTOCOL_VERSION, WorkerFacts

LIMITS = Limits(
    hello_s=20.0,
    heartbeat_s=10.0,
    frame_s=50.0,
    cancel_s=5.0,
    close_s=2.0,
    terminate_s=3.0,
    kill_s=4.0,
    pause_s=1000.0,
)
CLIP = {"folder": "/clip"}
FACTS = WorkerFacts(PROTOCOL_VERSION, "1.0")


def step(state, event):
    return transition(state, event, mosaic_version="1.0")


def after(*events, job_id: str | None = "job", limits: Limits = LIMITS):
    """The state after these events, from a start at 0 s."""
    state = initial_state(job_id=job_id, log_file="/log", limits=limits, now_s=0.0)
    for event in events:
        state, _ = step(state, event)
    return state


HELLO = Hello(1.0, FACTS)
FRAME = Frame(1.0, index=1, total=4, frame_number=12, file="/f.png", seconds_left=61.0)
FINISHED = Finished(1.0, CLIP)
FAILED = Refused(1.0, "failed", "no such memory")
REFUSED_CANCEL = Refused(1.0, "cancelled", "The job was cancelled")
CANCEL = CancelAsked(1.0)
ENDED = Ended(1.0, "ended with exit code 1", ("first", "last words"))
GARBLED = Garbled(1.0, "Hello from bash")

STATES = {
    "starting": after(),
    "running": after(HELLO),
    "cancelling": after(HELLO, CANCEL),
    "terminated": after(HELLO, CANCEL, Tick(6.0)),
    "cancelled early": after(CANCEL),
    "ending done": after(HELLO, FINISHED),
    "ending failed": after(HELLO, FAILED),
    "killed": after(HELLO, GARBLED),
    "done": after(HELLO, FINISHED, ENDED),
    "failed": after(HELLO, ENDED),
    "cancelled": after(HELLO, CANCEL, ENDED),
}
EVENTS = {
    "hello": HELLO,
    "heartbeat": Heartbeat(1.0),
    "frame": FRAME,
    "finished": FINISHED,
    "failed": FAILED,
    "refused cancel": REFUSED_CANCEL,
    "garbled": GARBLED,
    "cancel": CANCEL,
    "ended": ENDED,
    "tick": Tick(1.0),
}

S, R, C = Phase.STARTING, Phase.RUNNING, Phase.CANCELLING
D, F, X = Phase.DONE, Phase.FAILED, Phase.CANCELLED
CLOSE, KILL, CLEAN = Effect.CLOSE_INPUT, Effect.KILL, Effect.CLEAN_UP
# state -> event -> (phase, decided outcome, effects). What is not listed changes none of the three.
TABLE = {
    "starting": {
        "hello": (R, None, Effect.SEND_GENERATE),
        "failed": (S, F, CLOSE),
        "refused cancel": (S, X, CLOSE),
        "garbled": (S, F, KILL),
        "cancel": (C, X, CLOSE),
        "ended": (F, None, CLEAN),
    },
    "running": {
        "finished": (R, D, CLOSE),
        "failed": (R, F, CLOSE),
        "refused cancel": (R, X, CLOSE),
        "garbled": (R, F, KILL),
        "cancel": (C, None, Effect.SEND_CANCEL),
        "ended": (F, None, CLEAN),
    },
    "cancelling": {
        "finished": (C, D, CLOSE),
        "failed": (C, X, CLOSE),
        "refused cancel": (C, X, CLOSE),
        "garbled": (C, X, KILL),
        "ended": (X, None, CLEAN),
    },
    "terminated": {
        "finished": (C, D, CLOSE),
        "failed": (C, X, CLOSE),
        "refused cancel": (C, X, CLOSE),
        "garbled": (C, X, KILL),
        "ended": (X, None, CLEAN),
    },
    "cancelled early": {"ended": (X, X, CLEAN)},
    "ending done": {"ended": (D, D, CLEAN)},
    "ending failed": {"ended": (F, F, CLEAN)},
    "killed": {"ended": (F, F, CLEAN)},
}


@pytest.mark.parametrize("event_name", EVENTS)
@pytest.mark.parametrize("state_name", STATES)
def test_every_state_meets_every_event(state_name, event_name):
    before = STATES[state_name]
    state, effects = step(before, EVENTS[event_name])
    unchanged = (before.phase, before.outcome, None)
    phase, outcome, effect = TABLE.get(state_name, {}).get(event_name, unchanged)
    assert (state.phase, state.outcome) == (phase, outcome)
    assert effects == (() if effect is None else (effect,))
    if before.finished:
        assert state == before
    assert (state.error is not None) == (F in (state.phase, state.outcome))


def test_progress_reads_as_an_artist_would_say_it():
    state = after(HELLO, FRAME)
    assert (state.done, state.total, state.frame_number) == (2, 4, 12)
    assert state.message == "Frame 2 of 4, 1 min 01 s left"
    assert state.fraction == 0.5 and state.last_frame_file == "/f.png"
    last = dataclasses.replace(FRAME, index=3, seconds_left=None)
    assert after(HELLO, last).message == "Frame 4 of 4, writing the video"
    assert after(HELLO, dataclasses.replace(FRAME, seconds_left=None)).message == "Frame 2 of 4"
    assert after(HELLO, last, FRAME).done == 4, "progress went backwards"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (WorkerFacts(PROTOCOL_VERSION + 1, "1.0"), f"protocol version {PROTOCOL_VERSION + 1}"),
        (WorkerFacts(PROTOCOL_VERSION, "2.0"), "runs Mosaic 2.0 and Mosaic here is 1.0"),
        (WorkerFacts(PROTOCOL_VERSION, "1.0", error="This Python lacks torch"), "lacks torch"),
    ],
)
def test_a_process_that_does_not_fit_is_refused_and_never_given_the_job(facts, words):
    state, effects = step(after(), Hello(1.0, facts))
    assert words in state.error and state.facts == facts
    assert effects == (CLOSE,)


def test_a_probe_is_done_with_the_greeting():
    state, effects = step(after(job_id=None), HELLO)
    assert state.outcome is D and state.facts == FACTS and effects == (CLOSE,)


def test_an_ending_names_cause_place_last_words_remedy_and_log():
    state = after(HELLO, FRAME, ENDED)
    assert state.error == (
        "The GPU process ended with exit code 1, after frame 2 of 4. It said last: last words. "
        "Generate again; if it ends twice, smaller. Log: /log"
    )
    assert state.report.splitlines() == [state.error, "", "Log: /log", "first", "last words"]
    assert "before the first frame" in after(HELLO, ENDED).error
    assert "before it answered" in after(ENDED).error


@pytest.mark.parametrize(
    ("state", "last_quiet_s", "words"),
    [
        (after(), 19.9, "did not answer within 20 s"),
        (after(HELLO), 10.9, "froze: nothing was heard from it for 10 s, before the first frame"),
        (after(HELLO, FRAME), 10.9, "froze: nothing was heard from it for 10 s, after frame 2 of 4"),
    ],
)
def test_silence_is_borne_until_its_limit_and_not_longer(state, last_quiet_s, words):
    state, effects = step(state, Tick(last_quiet_s))
    assert effects == () and state.error is None
    state, effects = step(state, Tick(last_quiet_s + 0.2))
    assert effects == (KILL,) and words in state.error


def test_a_process_that_lives_but_makes_no_frame_is_stuck():
    state = after(HELLO)
    for second in range(1, 50):
        state, effects = step(state, Heartbeat(float(second)))
        state, effects = step(state, Tick(float(second)))
        assert effects == ()
    state, _ = step(state, Heartbeat(51.0))
    state, effects = step(state, Tick(51.0))
    assert effects == (KILL,) and "stuck: no frame for 50 s" in state.error


def test_cancel_is_asked_then_terminated_then_killed_then_given_up():
    state = after(HELLO, CancelAsked(100.0))
    seen = []
    for tenth in range(1000, 1200):
        state, effects = step(state, Tick(tenth / 10))
        seen += [(tenth / 10, effect) for effect in effects]
    assert seen == [(105.0, Effect.TERMINATE), (108.0, Effect.KILL), (112.0, Effect.CLEAN_UP)]
    assert state.phase is X


def test_our_own_sleep_is_not_held_against_the_process():
    limits = dataclasses.replace(LIMITS, pause_s=5.0)
    state = after(HELLO, Tick(2.0), limits=limits)
    state, effects = step(state, Tick(3600.0))  # the laptop slept
    assert effects == () and state.error is None
    state, effects = step(state, Tick(3605.0))
    assert effects == (KILL,), "silence after the sleep must count"


def test_looking_rarely_does_not_spare_a_frozen_process():
    state = after(HELLO, limits=dataclasses.replace(LIMITS, pause_s=5.0))
    for second in range(7, 200, 7):
        state, effects = step(state, Tick(float(second)))
        if effects:
            break
    assert effects == (KILL,)


def test_whatever_happens_a_job_ends_and_keeps_its_laws():
    """Random histories: the laws hold at each step, and time alone brings every one of them to a final phase."""
    chance = random.Random(7)
    for _ in range(400):
        state, now_s, log = after(), 0.0, []
        for _ in range(25):
            now_s += chance.choice([0.0, 0.1, 1.0, 4.0])
            event = dataclasses.replace(chance.choice(list(EVENTS.values())), now_s=now_s)
            before = state
            state, effects = step(state, event)
            log += effects
            if before.outcome is not None:
                assert state.outcome is before.outcome
            if before.outcome is not None and state.finished:
                assert state.phase is before.outcome
            assert (state.error is not None) == (F in (state.phase, state.outcome))
            assert state.message
        for _ in range(200):
            now_s += 1.0
            state, effects = step(state, Tick(now_s))
            log += effects
        assert state.phase in FINAL_PHASES
        assert log.count(Effect.SEND_GENERATE) <= 1 and log.count(CLEAN) == 1 and log[-1] is CLEAN
