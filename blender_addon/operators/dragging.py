"""A drag of patches as an artist's hand and keyboard make it: what the mouse, the axes, the numbers mean. NumPy alone.

    move    along the view's plane, along an axis (X, Y, Z), in the plane across one (Shift-X ...)
    rotate  about the view's axis or one of the world's, the way the mouse goes round the pivot
    scale   by how far the mouse is from the pivot. Patches scale evenly, so axes mean nothing here.

An axis is the world's; the same key again makes it the patches' own, and a third time lets go of it, as in Blender.

A typed number replaces the mouse, Tab goes to the next coordinate of a move. Ctrl snaps to steps, Shift is a tenth as
fast and a finer step. The result is one (4, 4) motion of the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

KINDS = ("MOVE", "ROTATE", "SCALE")
AXES = ("X", "Y", "Z")
_SLOW = 0.1
_STEP_PX = 20.0  # a snapping step of a move is the power of ten of metres that is at least this long on the screen
_STEP_DEG = (5.0, 1.0)  # with Ctrl, with Ctrl and Shift
_STEP_FACTOR = (0.1, 0.01)
_PARALLEL = 0.05
_LEAST_FACTOR, _MOST_FACTOR = 1e-3, 1e3
_DIGITS = "0123456789."


@dataclass(frozen=True, eq=False)
class Lens:
    """How a viewport shows the world."""

    clip_from_world: np.ndarray  # (4, 4)
    width_px: int
    height_px: int

    def px(self, point_world: np.ndarray) -> np.ndarray:  # (2,)
        """Where a point is on the screen."""
        clip = self.clip_from_world @ np.append(point_world, 1.0)
        w = clip[3] if abs(clip[3]) > 1e-9 else 1e-9
        return (clip[:2] / w + 1) / 2 * (self.width_px, self.height_px)

    def at_depth_of(self, pixel: np.ndarray, point_world: np.ndarray) -> np.ndarray:  # (3,)
        """The point under a pixel, as far away as another point."""
        clip = self.clip_from_world @ np.append(point_world, 1.0)
        return self._unprojected(pixel, clip[2] / clip[3])

    def ray(self, pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A point under a pixel (3,) and the unit direction away from the eye (3,)."""
        start, end = self._unprojected(pixel, -1.0), self._unprojected(pixel, 0.9)
        return start, (end - start) / np.linalg.norm(end - start)

    def _unprojected(self, pixel: np.ndarray, z: float) -> np.ndarray:
        across, up = np.asarray(pixel, float) / (self.width_px, self.height_px) * 2 - 1
        world = np.linalg.solve(self.clip_from_world, (across, up, z, 1.0))
        return world[:3] / world[3]


@dataclass(eq=False)
class Drag:
    """A drag under way."""

    kind: str
    pivot: np.ndarray  # (3,) world, metres
    lens: Lens
    start_px: np.ndarray  # (2,)
    axis: str = ""  # "", X, Y or Z
    plane: bool = False  # in the plane across the axis instead of along it
    world_from_own: np.ndarray = field(default_factory=lambda: np.eye(3))  # (3, 3) the patches' own axes, as columns
    own: bool = False  # the axis is one of those
    snap: bool = False
    fine: bool = False
    typed: list[str] = field(default_factory=lambda: ["", "", ""])
    coordinate: int = 0  # which of the typed numbers is being typed
    mouse_px: np.ndarray = field(init=False)
    turned: float = field(init=False, default=0.0)  # radians that the mouse went round, whole turns included

    def __post_init__(self) -> None:
        self.mouse_px = np.asarray(self.start_px, float)

    def mouse_by(self, delta_px: np.ndarray) -> None:
        """The mouse moved by so many pixels."""
        centre = self.lens.px(self.pivot)
        before = self.mouse_px - centre
        self.mouse_px = self.mouse_px + np.asarray(delta_px, float) * (_SLOW if self.fine else 1.0)
        after = self.mouse_px - centre
        self.turned += np.arctan2(before[0] * after[1] - before[1] * after[0], before @ after)

    def key(self, kind: str, text: str, *, shift: bool = False) -> bool:
        """A key was pressed, by Blender's name of it and what it types; False where it means nothing here."""
        if kind == "NUMPAD_PERIOD" or text == ",":  # the numeric pad types a comma where numbers are written with one
            text = "."
        if kind in AXES:
            if self.kind == "SCALE":
                return True
            plane = shift and self.kind == "MOVE"
            same = self.axis == kind and self.plane == plane
            off = same and self.own
            self.axis, self.plane, self.own = ("" if off else kind), plane and not off, same and not off
        elif kind == "TAB":
            self.coordinate = (self.coordinate + 1) % (3 if self.kind == "MOVE" and not self._along else 1)
        elif kind == "BACK_SPACE":
            self.typed[self.coordinate] = self.typed[self.coordinate][:-1]
        elif kind in ("MINUS", "NUMPAD_MINUS") or text == "-":
            number = self.typed[self.coordinate]
            self.typed[self.coordinate] = number[1:] if number.startswith("-") else "-" + number
        elif text and text in _DIGITS and not (text == "." and "." in self.typed[self.coordinate]):
            self.typed[self.coordinate] += text
        else:
            return False
        return True

    @property
    def _along(self) -> bool:
        return bool(self.axis) and not self.plane

    @property
    def _axes(self) -> np.ndarray:  # (3, 3) as columns
        return self.world_from_own if self.own else np.eye(3)

    @property
    def numbers(self) -> list[float] | None:
        """What was typed; None while the mouse decides."""
        if not any(self.typed):
            return None
        return [float(text) if text.strip("-.") else 0.0 for text in self.typed]

    @property
    def axis_world(self) -> np.ndarray:  # (3,)
        """The axis of the drag; for a turn without one, the direction towards the eye."""
        if self.axis:
            return self._axes[:, AXES.index(self.axis)]
        return -self.lens.ray(self.lens.px(self.pivot))[1]

    def offset(self) -> np.ndarray:  # (3,) metres
        """What a move moves by."""
        numbers = self.numbers
        if numbers is not None:
            return self.axis_world * numbers[0] if self._along else self._typed_offset(numbers)
        if self._along:
            along = self._along_axis(self.mouse_px) - self._along_axis(self.start_px)
            return self.axis_world * (self._snapped(along, self._step_m()) if self.snap else along)
        if self.axis:
            offset = self._in_plane(self.mouse_px) - self._in_plane(self.start_px)
            if self.snap:  # along the axes that span the plane
                return self._axes @ self._snapped(self._axes.T @ offset, self._step_m())
        else:
            here, there = (self.lens.at_depth_of(px, self.pivot) for px in (self.start_px, self.mouse_px))
            offset = there - here
        return self._snapped(offset, self._step_m()) if self.snap else offset

    def angle(self) -> float:
        """What a rotation turns by about `axis_world`, radians."""
        if self.numbers is not None:
            return float(np.radians(self.numbers[0]))
        towards_eye = -self.lens.ray(self.lens.px(self.pivot))[1]
        turned = self.turned if self.axis_world @ towards_eye >= 0 else -self.turned
        return float(np.radians(self._snapped(np.degrees(turned), _STEP_DEG[self.fine]))) if self.snap else turned

    def factor(self) -> float:
        """What a scale enlarges by."""
        if self.numbers is not None:
            factor = self.numbers[0]
        else:
            centre = self.lens.px(self.pivot)
            from_start = max(float(np.linalg.norm(self.start_px - centre)), 1.0)
            factor = float(np.linalg.norm(self.mouse_px - centre)) / from_start
            factor = float(self._snapped(factor, _STEP_FACTOR[self.fine])) if self.snap else factor
        return float(np.clip(factor, _LEAST_FACTOR, _MOST_FACTOR))

    def motion(self) -> np.ndarray:  # (4, 4)
        """The motion of the world so far."""
        motion = np.eye(4)
        if self.kind == "MOVE":
            motion[:3, 3] = self.offset()
            return motion
        if self.kind == "ROTATE":
            motion[:3, :3] = rotation(self.axis_world, self.angle())
        else:
            motion[:3, :3] *= self.factor()
        motion[:3, 3] = self.pivot - motion[:3, :3] @ self.pivot
        return motion

    def words(self) -> str:
        """What the viewport's header says."""
        typing = self.typed[self.coordinate]
        typed = f"  [{typing}|]" if typing or any(self.typed) else ""
        axis = f"own {self.axis}" if self.own else self.axis
        where = f" across {axis}" if self.plane else f" along {axis}" if axis else ""
        if self.kind == "MOVE":
            x, y, z = self.offset()
            return f"Move {x:.4g}, {y:.4g}, {z:.4g} m ({np.linalg.norm((x, y, z)):.4g} m){where}{typed}"
        if self.kind == "ROTATE":
            return f"Rotate {np.degrees(self.angle()):.2f}\u00b0" + where.replace("along", "about") + typed
        return f"Scale {self.factor():.4g} (patches scale evenly){typed}"

    def _typed_offset(self, numbers: list[float]) -> np.ndarray:
        offset = np.array(numbers)
        if self.plane:  # two numbers, for the other two axes
            offset = self._axes @ np.insert(np.array(numbers[:2]), AXES.index(self.axis), 0.0)
        return offset

    def _along_axis(self, pixel: np.ndarray) -> float:
        """How far along the axis the mouse is, metres from the pivot: where the axis, as it lies on the screen, comes
        nearest to it. Up and down the screen where the axis points at the eye."""
        start, ray = self.lens.ray(self._on_axis_px(np.asarray(pixel, float)))
        axis, between = self.axis_world, self.pivot - start
        slope = axis @ ray
        if 1 - slope**2 < _PARALLEL**2:
            up = np.array([0.0, pixel[1] - self.lens.px(self.pivot)[1]])
            reached = self.lens.at_depth_of(self.lens.px(self.pivot) + up, self.pivot)
            return float(np.linalg.norm(reached - self.pivot) * np.sign(up[1]))
        return float((slope * (ray @ between) - axis @ between) / (1 - slope**2))

    def _on_axis_px(self, pixel: np.ndarray) -> np.ndarray:  # (2,)
        """The point nearest to a pixel on the line that the axis is on the screen."""
        centre = self.lens.px(self.pivot)
        aside = self.lens.at_depth_of(centre + np.array([1.0, 0.0]), self.pivot)
        small = float(np.linalg.norm(aside - self.pivot))  # a pixel's worth, in metres
        along = self.lens.px(self.pivot + self.axis_world * small) - centre
        length = float(np.linalg.norm(along))
        return pixel if length < 1e-3 else centre + along * ((pixel - centre) @ along / length**2)

    def _in_plane(self, pixel: np.ndarray) -> np.ndarray:  # (3,)
        start, ray = self.lens.ray(pixel)
        across = ray @ self.axis_world
        if abs(across) < _PARALLEL:  # seen from its edge: the plane has no point there that means anything
            flat = self.lens.at_depth_of(pixel, self.pivot)
            return flat - self.axis_world * (self.axis_world @ (flat - self.pivot))
        return start + ray * ((self.pivot - start) @ self.axis_world / across)

    def _step_m(self) -> float:
        here = self.lens.px(self.pivot)
        aside = self.lens.at_depth_of(here + np.array([1.0, 0.0]), self.pivot)
        metres_a_px = float(np.linalg.norm(aside - self.pivot))
        return 10.0 ** np.ceil(np.log10(max(metres_a_px * _STEP_PX, 1e-9))) * (_SLOW if self.fine else 1.0)

    @staticmethod
    def _snapped(value, step: float):
        return np.round(np.asarray(value) / step) * step


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:  # (3, 3)
    """Turning by an angle in radians about a unit axis, counter-clockwise seen from its tip."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
