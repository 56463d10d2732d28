"""Work for overlays beside Blender's main thread: one thread, a slot a kind of work, the newest request wins.

Work comes as a generator that does a bit at each step and returns its result. After every step the most urgent slot
goes on, so a frame somebody looks at does not wait for a survey of the whole path. Nothing here knows Blender, and
steps must not either: they run while the artist goes on working. The thread lives only while there is work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

Steps = Callable[[], Generator[None, None, Any]]


@dataclass
class _Work:
    key: Hashable
    steps: Generator[None, None, Any]


@dataclass(frozen=True)
class Done:
    """What came of a request: `error` is None where it succeeded."""

    key: Hashable
    value: Any
    error: Exception | None = None


class Background:
    """Runs requests of several kinds, the kinds named first being more urgent."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = tuple(kinds)
        self._work: dict[str, _Work] = {}
        self._done: dict[str, Done] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._finished = dict.fromkeys(self._kinds, 0)

    def want(self, kind: str, key: Hashable, steps: Steps) -> None:
        """Ask for `key` in place of what was wanted before; nothing where it is being made or there already."""
        assert kind in self._kinds, kind
        with self._lock:
            work, done = self._work.get(kind), self._done.get(kind)
            if (work is not None and work.key == key) or (work is None and done is not None and done.key == key):
                return
            self._work[kind] = _Work(key, steps())
            if self._thread is None:
                self._stopping = False
                self._thread = threading.Thread(target=self._run, name="Mosaic overlays", daemon=True)
                self._thread.start()

    def done(self, kind: str) -> Done | None:
        """The newest result of that kind, which may be of an older request."""
        return self._done.get(kind)

    def wanted(self, kind: str) -> Hashable | None:
        """What is being made now."""
        work = self._work.get(kind)
        return None if work is None else work.key

    def finished(self, *kinds: str) -> int:
        """How many requests of these kinds (of all, where none are named) were done so far, to notice new ones."""
        return sum(self._finished[kind] for kind in kinds or self._kinds)

    @property
    def busy(self) -> bool:
        """Whether anything is being made."""
        return self._thread is not None

    def drop(self, kind: str) -> None:
        """Nobody wants that kind any more: stop after its present step and forget its result."""
        with self._lock:
            self._work.pop(kind, None)
            self._done.pop(kind, None)

    def stop(self, *, wait_s: float = 10.0) -> None:
        """Drop everything and wait for the step that runs."""
        with self._lock:
            self._stopping = True
            self._work.clear()
            self._done.clear()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(wait_s)

    def wait(self, limit_s: float = 60.0) -> bool:
        """Wait until all is done: for tests and scripts. False where the time was not enough."""
        thread = self._thread
        if thread is not None:
            thread.join(limit_s)
        return self._thread is None

    def _run(self) -> None:
        while True:
            with self._lock:
                kind = next((kind for kind in self._kinds if kind in self._work), None)
                if kind is None or self._stopping:
                    self._thread = None
                    return
                work = self._work[kind]
            done = _step(work)
            if done is not None:
                with self._lock:
                    if self._work.get(kind) is work:  # nobody asked for something else meanwhile
                        del self._work[kind]
                        self._done[kind] = done
                        self._finished[kind] += 1


def _step(work: _Work) -> Done | None:
    try:
        next(work.steps)
    except StopIteration as end:
        return Done(work.key, end.value)
    except Exception as error:  # handed to whoever asked
        return Done(work.key, None, error)
    return None
