"""`TimedReader`: a memory read along a path. Placements come and go with their times, and movers are where they are.

Everybody who shows a memory along a path reads it through this: both engines, the live preview, reports. What stands
is read by one `MemoryReader`. What `movers` follows is read apart, from the moment that is nearest in time, with the
camera carried the other way, and put before or behind it by depth; so nothing is made anew from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock

import numpy as np

from ..cameras import Camera
from ..cameras.camera import transform_points
from .memory import Memory
from .movers import Mover, movers_of, without_movers
from .picture import Readout
from .readout import MemoryReader
from .splice import extract
from .view_parts import ViewParts

# Around the corners of a mover's patches: what rounding and the pixels beside an outline may take.
_MARGIN_PX = 4


class TimedReader:
    """Reads a memory at any time, and builds its reader anew only when other placements are shown. Safe for threads."""

    def __init__(self, memory: Memory, parts: ViewParts | None = None) -> None:
        """`parts` keeps what no edit changes for the reader of the next state."""
        self._memory, self._parts = memory, parts
        self._reader: MemoryReader | None = None
        self._caught: dict[tuple[int, int, bytes], _Caught] = {}
        self._lock = Lock()

    @cached_property
    def _movers(self) -> list[Mover]:
        return movers_of(self._memory)

    @cached_property
    def _standing(self) -> Memory:
        return without_movers(self._memory, self._movers)

    def rgb(self, camera: Camera, time_s: float) -> Readout:
        """`MemoryReader.rgb` of what is shown at that time. Raises `MosaicError` for a memory without views."""
        with self._lock:  # whoever reads first finds what moves: making this reader holds nobody
            reader = self._reader
            if reader is None or not np.array_equal(self._standing.placements.shown_at(time_s), reader.shown):
                reader = self._reader = MemoryReader(self._standing, time_s=time_s, parts=self._parts)
        readout = reader.rgb(camera, time_s=time_s)
        for number, mover in enumerate(self._movers):
            moment = mover.moment_at(time_s)
            if moment is not None:
                caught = self._caught_at(number, moment[0], time_s)
                readout = readout if caught is None else caught.put_into(readout, camera, moment[1], time_s)
        return readout

    def _caught_at(self, number: int, moment: int, time_s: float) -> _Caught | None:
        """A mover as it was caught at one of its moments, as far as it is shown at that time."""
        table, ids = self._memory.placements, self._movers[number].ids[moment]
        shown = table.shown_at(time_s)[table.indices_of(ids)]
        if not shown.any():
            return None
        key = (number, moment, shown.tobytes())
        with self._lock:
            if key not in self._caught:
                self._caught[key] = _Caught.of(self._memory, ids[shown])
            return self._caught[key]


@dataclass(frozen=True, eq=False)
class _Caught:
    """One mover at one moment: a memory of its own, whose placements and views know what they are in the whole one."""

    reader: MemoryReader
    corners_world: np.ndarray  # (n, 3) float64 metres, of its patches as edited
    ids: np.ndarray  # (P + 1,) int64, by placement of the small memory; 0 = none
    views: np.ndarray  # (V,) int32, by view of the small memory

    @classmethod
    def of(cls, memory: Memory, ids: np.ndarray) -> _Caught:
        """These placements; of several that show the same patch in the same place, the first."""
        rows, first = np.unique(memory.placements.rows_at(memory.placements.indices_of(ids)), return_index=True)
        ids = ids[first]
        edited = memory.placements.edited_from_captured(memory.placements.indices_of(ids))
        corners = memory.patches.quads_at(rows - 1).astype(np.float64)
        return cls(
            # Every patch occurs once, so rows count up and ids are rows.
            reader=MemoryReader(extract(memory, ids)),
            corners_world=np.concatenate([transform_points(m, quad) for m, quad in zip(edited, corners, strict=True)]),
            ids=np.concatenate([[0], ids]),
            views=np.unique(memory.patches.column("view", rows - 1)).astype(np.int32),
        )

    def put_into(
        self,
        readout: Readout,
        camera: Camera,
        carried_from_caught: np.ndarray,  # (4, 4) rigid, world to world
        time_s: float,
    ) -> Readout:
        """The picture with this thing, carried, in it: before what is farther, behind what is nearer."""
        # A thing that is carried looks to a camera as it does, in its place, to a camera that is carried back.
        carried = replace(camera, world_from_cam=np.linalg.inv(carried_from_caught) @ camera.world_from_cam)
        window = _window(carried, self.corners_world)
        if window is None:
            return readout
        seen = self.reader.rgb(_cropped(carried, window), time_s=time_s)
        is_front = seen.covered & (seen.placement_id > 0) & (seen.z_depth < readout.z_depth[window])
        if not is_front.any():
            return readout
        columns = {name: getattr(readout, name).copy() for name in readout.__dataclass_fields__}
        for name, column in columns.items():
            column[window][is_front] = self._named(name, getattr(seen, name)[is_front], window)
        return Readout(**columns)

    def _named(self, name: str, values: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
        """A column's values with the names that the whole memory gives to placements and views."""
        if name == "placement_id":
            return self.ids[values]
        return self.views[values] if name == "source_view" else values


def _window(camera: Camera, points_world: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns of the picture around these points; None where they are not in it."""
    uv, z_depth = camera.project(points_world)
    if (z_depth <= 0).all():
        return None
    size = np.array([camera.image_width, camera.image_height])
    if (z_depth <= 0).any():
        low, high = np.zeros(2, np.intp), size
    else:
        low = np.clip(np.floor(uv.min(axis=0)) - _MARGIN_PX, 0, size).astype(np.intp)
        high = np.clip(np.ceil(uv.max(axis=0)) + _MARGIN_PX, 0, size).astype(np.intp)
    if (low >= high).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0])


def _cropped(camera: Camera, window: tuple[slice, slice]) -> Camera:
    """The camera of a part of the picture."""
    rows, columns = window
    intrinsics_px = camera.intrinsics_px.copy()
    intrinsics_px[:2, 2] -= (columns.start, rows.start)
    return Camera(intrinsics_px, camera.world_from_cam, rows.stop - rows.start, columns.stop - columns.start)
