"""What can happen to a job (`Event`) and what can follow from it (`Effect`); see `jobs`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from .protocol import WorkerFacts


class Effect(enum.Enum):
    """What the caller does after a transition."""

    SEND_GENERATE = "send the generate request"
    SEND_CANCEL = "send the cancel request"
    CLOSE_INPUT = "close the process's input, which ends it"
    TERMINATE = "terminate the process by its id"
    KILL = "kill the process and its group"
    CLEAN_UP = "the process is gone: remove what it left half-written"


@dataclass(frozen=True)
class Hello:
    """The process answered `hello`."""

    now_s: float
    facts: WorkerFacts


@dataclass(frozen=True)
class Heartbeat:
    """The process lives."""

    now_s: float


@dataclass(frozen=True)
class Frame:
    """A frame was made; `index` counts from 0."""

    now_s: float
    index: int
    total: int
    frame_number: int
    file: str
    covered_fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Finished:
    """The clip is whole."""

    now_s: float
    clip: dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """The process answered with an error."""

    now_s: float
    name: str
    message: str


@dataclass(frozen=True)
class Garbled:
    """The process printed something else than messages."""

    now_s: float
    sample: str


@dataclass(frozen=True)
class CancelAsked:
    """The user cancelled."""

    now_s: float


@dataclass(frozen=True)
class Ended:
    """The process is gone; `words` completes the sentence "The GPU process ..."."""

    now_s: float
    words: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tick:
    """Time passed."""

    now_s: float


Event = Hello | Heartbeat | Frame | Finished | Refused | Garbled | CancelAsked | Ended | Tick
