"""`check_path`: which mistake a camera path most likely carries, named with the numbers that give it away.

A path with flipped axes or inverted matrices is a valid path: nothing in it can be refused. What gives it away is
that films are made by upright cameras which move smoothly through a scene of metres. Each check compares the path as
it is with the path as it would be without one mistake, and speaks only where the second is plainly the better film.
A finding is therefore a suspicion: an upside-down shot on purpose is one too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import CameraError
from ..wording import phrase
from .path import CameraPath

FRAMES_A_LATENT = 4  # video models fold four frames into one latent
_MOST_OF_THE_VIEW = 0.5  # of the image that may leave within one latent
_FAST_M_PER_S = 20.0  # no walk, drone or dolly


@dataclass(frozen=True)
class Finding:
    """One suspicion: `kind` for programs, `sentence`, with its evidence, for a person, and where, if not everywhere.

    What artists meet is a phrase, which has a translation; a mistake in a file is told in English.
    """

    kind: str
    sentence: str
    stretches: tuple[tuple[int, int], ...] = ()  # first and last frame number of each


def check_path(
    path: CameraPath,
    bounds: np.ndarray | None = None,  # (2, 3) least and greatest corner of the scene in the world, metres
) -> tuple[Finding, ...]:
    """The likely mistakes of a path, the gravest first; nothing where it looks right. Raises `CameraError`."""
    if bounds is not None:
        bounds = np.asarray(bounds, dtype=np.float64)
        if bounds.shape != (2, 3) or not np.isfinite(bounds).all() or (bounds[0] > bounds[1]).any():
            raise CameraError(f"bounds are the least and the greatest corner of the scene, got {bounds.tolist()}")
    cameras = np.stack([camera.world_from_cam for camera in path])
    lenses = np.stack([camera.intrinsics_px for camera in path])
    with np.errstate(over="ignore", invalid="ignore"):  # absurd distances are findings, not warnings
        inverted = _inverted(cameras, bounds)
        findings = [
            *_lens(path, lenses),
            *(inverted or _axes(cameras)),
            *([] if inverted else _units(path, cameras, bounds)),
            *_jumps(path, cameras),
            *_speed(path, cameras, bounds),
        ]
    return tuple(findings)


def _lens(path: CameraPath, lenses: np.ndarray) -> list[Finding]:
    width, height = path.image_width, path.image_height
    fx, cx, cy = float(np.median(lenses[:, 0, 0])), float(np.median(lenses[:, 0, 2])), float(np.median(lenses[:, 1, 2]))
    image = f"an image of {width} x {height} pixels"
    if max(fx, cx, cy) <= 4 < min(width, height) / 4:
        text = f"The focal length is {fx:.3g} px and the principal point ({cx:.3g}, {cy:.3g}) in {image}"
        return [Finding("normalised_intrinsics", f"{text}: normalised intrinsics were read as pixels.")]
    if cx > 10 * width and fx > 10 * width:
        text = f"The focal length is {fx:.3g} px and the principal point ({cx:.3g}, {cy:.3g}) in {image}"
        return [Finding("pixel_intrinsics", f"{text}: intrinsics in pixels were read as normalised ones.")]
    fov_deg = math.degrees(2 * math.atan(width / 2 / fx))
    fov_vertical_deg = math.degrees(2 * math.atan(height / 2 / float(np.median(lenses[:, 1, 1]))))
    given = next((f for f in (fov_deg, fov_vertical_deg) if 0.2 < f < math.pi), None)
    if given is not None and 10 < math.degrees(given) < 150:
        text = f"The field of view is {given:.3g} degrees; as radians it would be {math.degrees(given):.0f} degrees"
        return [Finding("radians", f"{text}: an angle in radians was read as degrees.")]
    findings = []
    if not 2 <= fov_deg <= 150:
        findings.append(
            Finding("lens", f"The horizontal field of view is {fov_deg:.3g} degrees, which no usual lens has.")
        )
    outside = ((lenses[:, :2, 2] < 0) | (lenses[:, :2, 2] > (width, height))).any(1)
    if outside.any():
        text = f"The principal point ({cx:.4g}, {cy:.4g}) lies outside {image} in {_of(outside)}"
        findings.append(Finding("principal_point", f"{text}: the intrinsics are for another image size."))
    return findings


def _inverted(cameras: np.ndarray, bounds: np.ndarray | None) -> list[Finding]:
    """Matrices that are cam_from_world: inverted, the cameras would be level, or inside the scene, or at rest."""
    rotations, positions = cameras[:, :3, :3], cameras[:, :3, 3]
    others = -np.einsum("nji,nj->ni", rotations, positions)
    advice = "cam_from_world matrices were read as world_from_cam: invert them."
    if bounds is not None:
        inside, other_inside = ((_sizes_away(p, bounds) < 1).mean() for p in (positions, others))
        if inside < 0.1 and other_inside > 0.9:
            text = f"{inside:.0%} of the cameras stand in or near the scene, inverted it would be {other_inside:.0%}"
            return [Finding("inverted", f"{text}: {advice}")]
    # Column 0 of the rotation is the image's right in the world: its height is the camera's roll.
    roll, other_roll = (
        np.degrees(np.arcsin(np.clip(np.abs(r), 0, 1))) for r in (rotations[:, 2, 0], rotations[:, 0, 2])
    )
    other_upright = (rotations[:, 1, 2] < -0.1).mean()
    if roll.mean() > 8 and other_roll.max() < 2 and other_upright > 0.95:
        text = f"The cameras roll by {roll.mean():.0f} degrees on average, inverted by {other_roll.mean():.1f}"
        return [Finding("inverted", f"{text}: {advice}")]
    length, other_length = (float(np.linalg.norm(np.diff(p, axis=0), axis=1).sum()) for p in (positions, others))
    # An orbit's inverse stands still too, but on the axis of the view, flipped or not.
    ahead = np.abs(others[:, 2]) > 0.9 * np.maximum(np.linalg.norm(others, axis=1), 1e-9)
    upright = (rotations[:, 2, 1] < -0.1).mean()
    if length > 1 and other_length < 0.05 * length and not ahead.any() and upright < 0.5:
        text = f"The cameras travel {length:.3g} m while they turn, inverted {other_length:.3g} m"
        return [Finding("inverted", f"{text}: {advice}")]
    return []


def _axes(cameras: np.ndarray) -> list[Finding]:
    """Which way the top of the image points in the world."""
    up = -cameras[:, :3, 1]
    upside_down = up[:, 2] < -0.3
    mean = up.mean(0)
    if upside_down.mean() > 0.9:
        text = f"The image is upside down in {_of(upside_down)} (its top points down by {-mean[2]:.2f} on average)"
        # A camera that hardly turns looks the same flipped and inverted.
        either = ", or cam_from_world matrices as world_from_cam" if (cameras[:, 1, 2] < -0.3).mean() > 0.9 else ""
        return [Finding("flipped_axes", f"{text}: OpenGL camera axes were read as OpenCV's, y and z flipped{either}.")]
    axis = int(np.argmax(np.abs(mean)))
    looks_down = cameras[:, 2, 2].mean() < -0.8  # then the top may point anywhere along the ground
    if axis != 2 and abs(mean[axis]) > 0.8 and not looks_down:
        name = ("+" if mean[axis] > 0 else "-") + "XY"[axis]
        text = f"The image's top points along {name} of the world, by {abs(mean[axis]):.2f} on average"
        return [Finding("world_axes", f"{text}: the world of this path has {name} up, not +Z.")]
    return []


def _units(path: CameraPath, cameras: np.ndarray, bounds: np.ndarray | None) -> list[Finding]:
    positions = cameras[:, :3, 3]
    if bounds is not None:
        away = _sizes_away(positions, bounds)
        outside = away > 2
        if outside.mean() < 0.9:
            return []
        far_m = float(np.median(np.linalg.norm(positions - bounds.mean(0), axis=1)))
        text = f"{_of(outside, 'camera')} stand far outside the scene, {far_m:.3g} m from its middle"
        if np.median(away) > 10 and (_sizes_away(positions / 100, bounds) < 1).mean() > 0.9:
            return [Finding("centimetres", f"{text}; a hundredth of that lies inside: the path is in centimetres.")]
        return [Finding("outside", f"{text}: it belongs to another scene, or to another origin or unit.")]
    speeds = _speeds(path, positions)
    extent_m = float(np.ptp(positions, axis=0).max())
    if len(speeds) and np.median(speeds) > _FAST_M_PER_S and extent_m > 30:
        text = f"The path spans {extent_m:.0f} m at {np.median(speeds):.0f} m/s"
        slower = f"as centimetres it would be {extent_m / 100:.2g} m at {np.median(speeds) / 100:.2g} m/s"
        return [Finding("centimetres", f"{text}; {slower}: the path is in centimetres.")]
    return []


def _jumps(path: CameraPath, cameras: np.ndarray) -> list[Finding]:
    """Single steps far beyond those around them, of place or of direction."""
    frames = np.diff(path.frame_numbers)
    steps_m = np.linalg.norm(np.diff(cameras[:, :3, 3], axis=0), axis=1) / frames
    turns_deg = _turns_deg(cameras, 1) / frames
    findings = []
    for steps, unit, least in ((steps_m, "m", 0.05), (turns_deg, "degrees", 5.0)):
        if len(steps) < 4:
            continue
        usual = float(np.median(steps))
        extent = float(steps.sum())
        jump = steps > max(10 * usual, least, 0.02 * extent)
        if 0 < jump.sum() <= max(1, len(steps) // 10):
            at = int(np.argmax(np.where(jump, steps, 0)))
            numbers = f"from frame {path.frame_numbers[at]} to {path.frame_numbers[at + 1]}"
            what = "moves" if unit == "m" else "turns"
            text = f"The camera {what} {steps[at] * frames[at]:.3g} {unit} {numbers}, a usual frame {usual:.2g}"
            more = f", one of {int(jump.sum())} such places" if jump.sum() > 1 else ""
            sentence = f"{text}{more}: the path jumps, two takes may have been joined."
            findings.append(Finding("jump", sentence, stretches_of(path, jump, span=1)))
    return findings


def speed_shares(
    path: CameraPath,
    bounds: np.ndarray | None = None,  # (2, 3) least and greatest corner of the scene in the world, metres
) -> np.ndarray:  # (T,)
    """How fast a path is at each frame, as a share of the fastest that four-frame latents can follow: above 1 is too
    fast. The fastest of the latents that the frame may fall into counts; 0 for paths shorter than a latent."""
    steps = _steps_of_latents(path, np.stack([camera.world_from_cam for camera in path]), bounds)
    shares = np.zeros(len(path))
    if steps is None:
        return shares
    of_latent = np.maximum(steps.turns_deg / steps.fov_deg, steps.moved) / _MOST_OF_THE_VIEW
    for offset in range(FRAMES_A_LATENT + 1):
        part = slice(offset, offset + len(of_latent))
        shares[part] = np.maximum(shares[part], of_latent)
    return shares


@dataclass(frozen=True, eq=False)
class _Steps:
    """What happens between each frame and the one a latent later."""

    turns_deg: np.ndarray  # (n,)
    fov_deg: float
    moves_m: np.ndarray  # (n,)
    distance_m: np.ndarray  # (n,) to the scene; inf where it is not known
    moved: np.ndarray  # (n,) as a share of that distance


def _steps_of_latents(path: CameraPath, cameras: np.ndarray, bounds: np.ndarray | None) -> _Steps | None:
    span = FRAMES_A_LATENT
    if len(cameras) <= span:
        return None
    positions = cameras[:, :3, 3]
    moves_m = np.linalg.norm(positions[span:] - positions[:-span], axis=1)
    distance_m = np.full(len(moves_m), np.inf)
    if bounds is not None:
        nearest = np.clip(positions[:-span], bounds[0], bounds[1])
        room_m = float(np.linalg.norm(bounds[1] - bounds[0])) / 2
        distance_m = np.maximum(np.linalg.norm(positions[:-span] - nearest, axis=1), room_m)
    return _Steps(
        turns_deg=_turns_deg(cameras, span),
        fov_deg=math.degrees(2 * math.atan(path.image_width / 2 / path[0].intrinsics_px[0, 0])),
        moves_m=moves_m,
        distance_m=distance_m,
        moved=moves_m / np.maximum(distance_m, 1e-9),
    )


def _speed(path: CameraPath, cameras: np.ndarray, bounds: np.ndarray | None) -> list[Finding]:
    """How much of the image leaves within the frames of one latent."""
    span, steps = FRAMES_A_LATENT, _steps_of_latents(path, cameras, bounds)
    if steps is None:
        return []
    findings = []
    fast = steps.turns_deg > _MOST_OF_THE_VIEW * steps.fov_deg
    if fast.any():
        at = int(np.argmax(steps.turns_deg))
        sentence = phrase(
            "Around frame {frame} the camera turns {turn:.0f} degrees in {span} frames, and the picture is {fov:.0f} "
            "degrees wide: more than half of it is new by then, which the model cannot follow, so slow down.",
            frame=path.frame_numbers[at],
            turn=steps.turns_deg[at],
            span=span,
            fov=steps.fov_deg,
        )
        findings.append(Finding("speed", sentence, stretches_of(path, fast, span=span)))
    fast = steps.moved > _MOST_OF_THE_VIEW
    if fast.any():
        at = int(np.argmax(steps.moved))
        sentence = phrase(
            "Around frame {frame} the camera moves {move:.3g} m in {span} frames, and the scene is {distance:.3g} m "
            "away: more than half of the picture is new by then, which the model cannot follow, so slow down.",
            frame=path.frame_numbers[at],
            move=steps.moves_m[at],
            span=span,
            distance=steps.distance_m[at],
        )
        findings.append(Finding("speed", sentence, stretches_of(path, fast, span=span)))
    return findings


def stretches_of(
    path: CameraPath,
    flags: np.ndarray,  # (T - span,) bool, about the frames from each to the one `span` on
    *,
    span: int,
) -> tuple[tuple[int, int], ...]:
    """First and last frame number of each stretch that flagged steps cover without a gap."""
    stretches: list[tuple[int, int]] = []
    end = -1
    for at in np.flatnonzero(flags).tolist():
        first = path.frame_numbers[at]
        if stretches and at <= end:
            first = stretches.pop()[0]
        end = at + span
        stretches.append((first, path.frame_numbers[end]))
    return tuple(stretches)


def _turns_deg(cameras: np.ndarray, span: int) -> np.ndarray:
    """The angle between each camera and the one `span` frames on."""
    rotations = cameras[:, :3, :3]
    trace = np.einsum("nij,nij->n", rotations[:-span], rotations[span:])
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


def _sizes_away(
    positions: np.ndarray,  # (T, 3)
    bounds: np.ndarray,  # (2, 3)
) -> np.ndarray:  # (T,)
    """How far points lie outside the scene, in scene diagonals of a metre at least."""
    outside_m = np.linalg.norm(positions - np.clip(positions, bounds[0], bounds[1]), axis=1)
    return outside_m / max(1.0, float(np.linalg.norm(bounds[1] - bounds[0])))


def _speeds(path: CameraPath, positions: np.ndarray) -> np.ndarray:  # (T - 1,) metres a second
    steps_m = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return steps_m * path.fps / np.diff(path.frame_numbers)


def _of(flags: np.ndarray, what: str = "frame") -> str:
    return f"{int(flags.sum())} of {len(flags)} {what}s"
