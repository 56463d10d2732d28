"""The queue of shots as plain values: what waits, what runs, what became of the rest. No Blender here.

Each item carries what `start` needs, read from the scene when it was queued: later edits are for later takes, and
deleting what a shot came from cannot hurt it. A shot that fails does not stop the others.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Status(enum.StrEnum):
    """Where a queued shot stands; the last three are final."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(eq=False)
class Item:
    """A queued shot."""

    number: int  # its name: counts up and is never used again
    shot_name: str
    payload: Any
    status: Status = Status.WAITING
    words: str = ""  # why it failed, or where its take is

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status not in (Status.WAITING, Status.RUNNING)


@dataclass(eq=False)
class Queue:
    """Shots one after another."""

    items: list[Item] = field(default_factory=list)
    _last_number: int = 0

    def add(self, shot_name: str, payload: Any) -> Item:
        """Put a shot at the end."""
        self._last_number += 1
        item = Item(self._last_number, shot_name, payload)
        self.items.append(item)
        return item

    def add_failed(self, shot_name: str, words: str) -> Item:
        """Note a shot that could not even be read."""
        item = self.add(shot_name, None)
        item.status, item.words = Status.FAILED, words
        return item

    @property
    def running(self) -> Item | None:
        """The shot that is being made."""
        return next((item for item in self.items if item.status is Status.RUNNING), None)

    @property
    def waiting(self) -> list[Item]:
        """Those whose turn comes."""
        return [item for item in self.items if item.status is Status.WAITING]

    def start_next(self) -> Item | None:
        """Mark the next shot as running and return it; None where one runs or none waits."""
        if self.running is not None or not self.waiting:
            return None
        item = self.waiting[0]
        item.status = Status.RUNNING
        return item

    def end(self, item: Item, status: Status, words: str = "") -> None:
        """It is over, and how."""
        item.status, item.words, item.payload = status, words, None

    def cancel_waiting(self, number: int | None = None) -> None:
        """Take one shot out of the queue, or all that wait."""
        for item in self.waiting:
            if number in (None, item.number):
                self.end(item, Status.CANCELLED)

    def forget_over(self) -> None:
        """Keep only what waits and runs."""
        self.items = [item for item in self.items if not item.is_over]

    def status_of(self, shot_name: str) -> Status | None:
        """How the newest item of a shot stands; None where it was never queued."""
        return next((item.status for item in reversed(self.items) if item.shot_name == shot_name), None)
