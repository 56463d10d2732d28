"""Work that knows nothing of Blender, done by a thread while Blender goes on; for generators that go step by step.

NumPy and the disk take their time without Python's lock, so the window stays alive meanwhile. Whatever the work needs
of Blender's data is read before it begins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TypeVar

Result = TypeVar("Result")
Progress = TypeVar("Progress")
# A step waits so long at most: short against what an artist notices, long enough not to spin where nobody paints.
_STEP_S = 0.02


def beside(work: Callable[[], Result], progress: Progress) -> Generator[Progress, None, Result]:
    """Yield `progress` until a thread has done the work; return its result, or raise what it raised.

    Closing the generator waits for the thread, so that whoever closes it may remove what the work has written.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # raised again where somebody waits for it
            errors.append(error)

    thread = threading.Thread(target=run, name="Mosaic work", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            yield progress
            thread.join(_STEP_S)
    finally:
        thread.join()
    if errors:
        raise errors[0]
    return results[0]
