"""Engines turn what a memory shows into video frames. One small interface, one module an engine.

Names can be listed without importing NumPy or torch; `engine_named` imports only the engine it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import GenerateError

if TYPE_CHECKING:
    import numpy as np

    from ..cameras import CameraPath
    from ..memory import Memory

_MODULES = {"preview": "preview", "tiny": "tiny"}
ENGINE_NAMES = tuple(_MODULES)
# `mosaic evaluate` finds its row `composed` ahead of `preview`: docs/evaluate.md.
DEFAULT_ENGINE = "tiny"


@dataclass(frozen=True, eq=False)
class EngineFrame:
    """One finished frame."""

    rgb: np.ndarray  # (H, W, 3) float32 in [0, 1], display-referred sRGB
    z_depth: np.ndarray  # (H, W) float32 metres, inf for sky and where unknown
    covered: np.ndarray  # (H, W) bool, memory holds this pixel; elsewhere the engine made it up


@dataclass(frozen=True)
class Prompt:
    """What the video shows, and when."""

    text: str
    start_s: float = 0.0
    end_s: float = float("inf")
    strength: float = 1.0  # how much of it: 0.5 half, 2 twice; below 0, the video goes away from it


class Engine(Protocol):
    """Makes a path's frames, in order. Must give the same bits for the same arguments."""

    @property
    def stand_alone(self) -> bool:
        """Each frame follows from the memory and its own camera alone, whichever others are made."""
        ...

    def frames(
        self,
        memory: Memory,
        path: CameraPath,
        *,
        prompts: tuple[Prompt, ...],
        seed: int,
        should_stop: Callable[[], bool] = ...,
        indices: Sequence[int] | None = None,
        kept: Callable[[int], EngineFrame] | None = None,
    ) -> Generator[EngineFrame, None, None]:
        """One frame a camera of the path, or only those of `indices`, rising. Closing the generator stops the work.

        `kept` gives a frame that is not made, by its index: what follows from one another continues from it. Its
        `z_depth` may be unknown everywhere.
        Raises `Cancelled` soon after `should_stop()` is true, where a frame takes long.
        """
        ...


def memory_fed_to(name: str, memory: Memory) -> Memory:
    """What an engine reads of a memory: models are not shown what moves by itself where nobody can follow it.

    For looking at it beforehand; engines do it themselves.
    """
    from ..memory.still import known_memory

    return memory if name == "preview" else known_memory(memory)


def engine_named(name: str) -> Engine:
    """The engine of that name. Raises `GenerateError` naming those there are."""
    if name not in _MODULES:
        raise GenerateError(f"there is no engine {name!r}, expected one of: {', '.join(ENGINE_NAMES)}")
    module = importlib.import_module(f".{_MODULES[name]}", __package__)
    return module.ENGINE
