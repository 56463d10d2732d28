"""ReCamMaster's camera JSON: `{"frame0": {"cam01": "[...] [...] [...] [...] ", ...}, "frame1": ...}`.

Each text is a 4 x 4 world_from_cam for row vectors, so its rows are the camera's forward, right and up axis and its
position, in Unreal's left-handed world (x forward, y right, z up) and centimetres. Here that world is mirrored in y to
be right-handed, which keeps up where it is and every pose relative to the first as ReCamMaster computes it. A file
holds several cameras; the first is read unless `Gaps.camera` names one. No lens, size or frame rate.
"""

from __future__ import annotations

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, json_bytes, json_of, numbers_of, text_of

_MIRROR_Y = np.diag([1.0, -1.0, 1.0])
_FIRST = "cam01"
_MAX_DIGITS = 9


def _matches(documents: Documents) -> bool:
    return isinstance(json_of(documents[""])["frame0"], dict)


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    document = json_of(documents[""])
    frames = {_number(key): value for key, value in document.items()}
    check_count(len(frames))
    order = sorted(frames)
    names = sorted(frames[order[0]])
    name = gaps.camera or (_FIRST if _FIRST in names else names[0])
    if name not in names:
        raise CameraError(f"there is no camera {name!r:.40} in it, there are {', '.join(names)[:100]}")
    if gaps.camera is None and len(names) > 1:
        gaps.note(f"of {len(names)} cameras {name} is read")
    height, width = gaps.take_size()
    lens = gaps.take_lens(image_height=height, image_width=width)
    cameras = tuple(camera_of(_matrix(frames[n][name]), lens, (height, width)) for n in order)
    numbers = gaps.take_numbers(len(cameras))
    if order[-1] - order[0] >= len(order):  # some are left out
        numbers = tuple(1 + n - order[0] for n in order)
    return CameraPath(cameras, numbers, gaps.take_fps())


def _number(key: str) -> int:
    digits = key.removeprefix("frame")
    if not digits.isdecimal() or len(digits) > _MAX_DIGITS:
        raise CameraError(f"frames are named frame0, frame1, ..., got {key[:40]!r}")
    return int(digits)


def _matrix(text: str) -> np.ndarray:  # (3, 4) world_from_cam, OpenCV axes, metres
    rows = np.reshape(numbers_of(text.replace("[", " ").replace("]", " "), 16), (4, 4))
    forward, right, up, position = rows[:, :3]
    return _MIRROR_Y @ np.stack([right, -up, forward, position / 100], axis=1)


def _write(path: CameraPath) -> Documents:
    frames = {}
    for index, camera in enumerate(path):
        right, down, forward, position = (_MIRROR_Y @ camera.world_from_cam[:3]).T
        rows = ((forward, 0.0), (right, 0.0), (-down, 0.0), (position * 100, 1.0))
        text = "".join(f"[{text_of([*row, last])}] " for row, last in rows)
        frames[f"frame{index}"] = {_FIRST: text}
    return {"": json_bytes(frames)}


FORMAT = Format("recammaster", "ReCamMaster camera JSON", _matches, _read, _write)
