"""Work that knows nothing of Blender, done by a thread while Blender goes on; `beside` is for what goes step by step.

NumPy and the disk take their time without Python's lock, so the window stays alive meanwhile. Whatever the work needs
of Blender's data is read before it begins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

Result = TypeVar("Result")
Progress = TypeVar("Progress")
# A step waits so long at most: short against what an artist notices, long enough not to spin where nobody paints.
_STEP_S = 0.02


class Beside(Generic[Result]):
    """A thread that does some work. Whoever forgets it waits for nothing."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="Mosaic work", daemon=True)
        self._thread.start()

    def is_over(self, wait_s: float | None = 0.0) -> bool:
        """Whether it is done, waiting so long at most; None waits for the end."""
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def result(self) -> Result:
        """What came of it; raises what it raised. Only once it is over."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # raised again where somebody asks for the result
            self._error = error


def beside(work: Callable[[], Result], progress: Progress) -> Generator[Progress, None, Result]:
    """Yield `progress` until a thread has done the work; return its result, or raise what it raised.

    Closing the generator waits for the thread, so that whoever closes it may remove what the work has written.
    """
    thread = Beside(work)
    try:
        while not thread.is_over():
            yield progress
            thread.is_over(_STEP_S)
    finally:
        thread.is_over(None)
    return thread.result()
