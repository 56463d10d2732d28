"""Engine `preview`: exactly what the memory holds, by image-based rendering. No model, no randomness.

Where memory is exact no network does better, so this is both the quick look before a long job and the part of every
other engine's picture that memory already knows. Holes are filled smoothly and reported as not covered.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ..allocation import keep_freed_memory
from ..cameras import CameraPath
from ..memory import Memory
from ..memory.picture import Readout
from ..memory.timed_reader import TimedReader
from . import EngineFrame, Prompt

# Frames are independent and NumPy lets go of the interpreter lock, so cores are used a frame each. Every frame in
# flight holds some 100 MB at 640x360 with six views: more than this many would cost memory and gain nothing.
MAX_THREADS = 8


class PreviewEngine:
    """Prompts and seed do not matter to it."""

    stand_alone = True

    def frames(
        self,
        memory: Memory,
        path: CameraPath,
        *,
        prompts: tuple[Prompt, ...] = (),
        seed: int = 0,
        should_stop: Callable[[], bool] = lambda: False,
        indices: Sequence[int] | None = None,
        kept: Callable[[int], EngineFrame] | None = None,
    ) -> Generator[EngineFrame, None, None]:
        """See `Engine.frames`. Raises `MosaicError` for a memory without views."""
        keep_freed_memory()
        reader = TimedReader(memory)
        threads = min(os.cpu_count() or 1, MAX_THREADS, len(path))
        with ThreadPoolExecutor(threads) as pool:
            waiting: deque[Future[Readout]] = deque()
            try:
                for index in range(len(path)) if indices is None else indices:
                    waiting.append(pool.submit(reader.rgb, path[index], path.time_s(index)))
                    if len(waiting) > threads:
                        yield _frame(waiting.popleft().result())
                while waiting:
                    yield _frame(waiting.popleft().result())
            finally:
                for future in waiting:
                    future.cancel()


def _frame(readout: Readout) -> EngineFrame:
    return EngineFrame(readout.values, readout.z_depth, readout.covered)


ENGINE = PreviewEngine()
