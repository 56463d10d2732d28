"""What the background does for overlays, as generators of short steps. NumPy and the core alone: no Blender here."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.engines import memory_fed_to
from mosaic_core.memory import Memory
from mosaic_core.memory.conflicts import Conflicts, find_conflicts
from mosaic_core.memory.dirty import candidate_frames
from mosaic_core.memory.picture import Readout
from mosaic_core.memory.seen_along import SeenAlong, seen_along
from mosaic_core.memory.timed_reader import TimedReader
from mosaic_core.memory.view_parts import ViewParts
from mosaic_core.report.frames import chosen_frames

# The survey of a path looks at this many frames, at this width.
SURVEY_FRAMES, SURVEY_WIDTH_PX = 24, 160
# The live preview shows what a model is conditioned on, at most this large.
PREVIEW_WIDTH_PX, PREVIEW_HEIGHT_PX = 256, 144
# Frames of the preview that are kept: some half a megabyte each.
KEPT_FRAMES = 240


@dataclass(frozen=True, eq=False)
class Edited:
    """A memory as the artist's mesh says it is. `key` names this state; the reader is made when it is first used."""

    key: Hashable
    memory: Memory
    parts: ViewParts = field(default_factory=ViewParts)  # shared with the state before: the thread reads one at a time
    reader: TimedReader = field(init=False)
    _fed: dict[str, Edited] = field(init=False, default_factory=dict)  # by engine

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", TimedReader(self.memory, self.parts))

    def fed_to(self, engine: str) -> Edited:
        """The state as that engine reads it; this one where it reads all of it."""
        if engine not in self._fed:
            memory = memory_fed_to(engine, self.memory)
            self._fed[engine] = self if memory is self.memory else Edited((self.key, engine), memory, self.parts)
        return self._fed[engine]

    def named(self, key: Hashable) -> Edited:
        """The same state under another key: nothing that is made from it need be made again."""
        same = Edited(key, self.memory, self.parts)
        object.__setattr__(same, "reader", self.reader)
        same._fed.update({engine: fed for engine, fed in self._fed.items() if fed is not self})
        return same


def preview_size(*, image_height: int, image_width: int) -> tuple[int, int]:  # height, width
    """The size of a shot, made smaller where it exceeds the preview's; its proportions stay."""
    share = min(1.0, PREVIEW_WIDTH_PX / image_width, PREVIEW_HEIGHT_PX / image_height)
    return max(1, round(image_height * share)), max(1, round(image_width * share))


def same_path(first: CameraPath, second: CameraPath) -> bool:
    """Whether two paths are the same to the last bit."""
    return (
        first.frame_numbers == second.frame_numbers
        and first.fps == second.fps
        and all(camera_key(a) == camera_key(b) for a, b in zip(first, second, strict=True))
    )


def camera_key(camera: Camera) -> Hashable:
    """What makes a camera's picture: its numbers, bit for bit."""
    size = (camera.image_height, camera.image_width)
    return camera.world_from_cam.tobytes(), camera.intrinsics_px.tobytes(), size


def survey(state: Edited, path: CameraPath) -> Generator[None, None, SeenAlong]:
    """What the path sees of the memory, at a small size."""
    height = max(1, round(SURVEY_WIDTH_PX * path.image_height / path.image_width))
    small = path.scaled_to(image_height=height, image_width=SURVEY_WIDTH_PX)
    return (yield from seen_along(state.memory, small, chosen_frames(small, SURVEY_FRAMES), reader=state.reader))


def conflicts(state: Edited) -> Generator[None, None, Conflicts]:
    """Where views contradict each other, a view a step."""
    found = [find_conflicts(state.memory, [])]
    for view in range(len(state.memory.views)):
        found.append(find_conflicts(state.memory, [view]))
        yield
    return Conflicts(**{f.name: np.concatenate([getattr(c, f.name) for c in found]) for f in fields(Conflicts)})


class Frames:
    """Readouts of one state of the memory, by camera and time.

    When the memory changes, the frame that somebody looks at is made first. Then those are taken over that the change
    cannot have reached (`candidate_frames`, the rule by which retakes keep frames), and only the others are made again.
    """

    def __init__(self) -> None:
        self._aim: Edited | None = None  # the state that is wanted; work for others ends at its next step
        self._state: Edited | None = None  # the state that `_held` shows
        self._held: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._before: tuple[Edited, list[_Kept]] | None = None  # what may be taken over
        self._lock = threading.Lock()

    def aim(self, state: Edited) -> None:
        """From now on this state is wanted."""
        self._aim = state

    def get(self, state: Edited, camera: Camera, time_s: float) -> Readout | None:
        """The readout where it is there."""
        with self._lock:
            if self._state is None or self._state.memory is not state.memory:
                return None
            found = self._held.get((camera_key(camera), time_s))
            return None if found is None else found.readout

    def reading(
        self, state: Edited, wanted: Sequence[tuple[Camera, float]], *, take_over: bool = False
    ) -> Generator[None, None, None]:
        """Make the readouts that are not there, one a step; with `take_over`, keep first what can be kept."""
        if take_over and self._aims_at(state):
            self._move_on(state)
            self._take_over()
            yield
        for camera, time_s in wanted:
            if not self._aims_at(state):
                return
            self._move_on(state)
            if self.get(state, camera, time_s) is None:
                self._keep(_Kept(camera, time_s, state.reader.rgb(camera, time_s)))
                yield

    def forget(self) -> None:
        """Drop everything."""
        with self._lock:
            self._aim = self._state = self._before = None
            self._held.clear()

    def __len__(self) -> int:
        return len(self._held)

    def _aims_at(self, state: Edited) -> bool:
        aim = self._aim
        return aim is not None and aim.memory is state.memory

    def _move_on(self, state: Edited) -> None:
        with self._lock:
            if self._state is None or self._state.memory is not state.memory:
                if self._state is not None and self._held:
                    self._before = self._state, list(self._held.values())
                self._state, self._held = state, OrderedDict()

    def _take_over(self) -> None:
        if self._before is None or self._state is None:
            return
        (before, kept), after, self._before = self._before, self._state, None
        size = {(each.camera.image_height, each.camera.image_width) for each in kept}
        if before.memory.views is not after.memory.views or len(size) > 1:
            return
        path = CameraPath(tuple(each.camera for each in kept), tuple(range(len(kept))), 1.0)
        reached = set(candidate_frames(before.memory, after.memory, path))
        for index, each in enumerate(kept):
            if index not in reached:
                self._keep(each)

    def _keep(self, kept: _Kept) -> None:
        with self._lock:
            self._held.setdefault((camera_key(kept.camera), kept.time_s), kept)
            while len(self._held) > KEPT_FRAMES:
                self._held.popitem(last=False)


@dataclass(frozen=True, eq=False)
class _Kept:
    camera: Camera
    time_s: float
    readout: Readout
