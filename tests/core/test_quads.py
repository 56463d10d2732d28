"""Quads and back: untouched patches keep their bits, moved objects stay rigid, damage is reported and never raised."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.bench.placements import strewn_patches
from mosaic_core.errors import EditError
from mosaic_core.memory import HIDDEN, LOCKED, Patches, Placements
from mosaic_core.memory.edits import FIRST_COPY_ID, copy, lock, translate
from mosaic_core.memory.quads import Faces, has_place, placements_from_faces, quads_of

from .known_scenes import BLUE, RED, placements_of, room_memory


@pytest.fixture(scope="module")
def memory():
    return room_memory()


def faces_of(memory, placements=None) -> Faces:
    """The faces that building a mesh would make."""
    placements = memory.placements if placements is None else placements
    at = np.flatnonzero(has_place(memory.patches)[placements.rows - 1])
    count = len(at)
    return Faces(
        corners_mesh=quads_of(placements, memory.patches)[at],
        vertices=np.arange(4 * count).reshape(count, 4),
        is_quad=np.ones(count, bool),
        own=np.ones(count, bool),
        rows=placements.rows[at],
        ids=placements.ids[at],
        flags=placements.flags[at],
    )


def read(memory, faces, world_from_mesh=None):
    return placements_from_faces(faces, patches=memory.patches, base=memory.placements, world_from_mesh=world_from_mesh)


def moved(faces: Faces, which: np.ndarray, matrix: np.ndarray) -> Faces:
    """Some faces moved the way Blender does it: in single precision."""
    corners = faces.corners_mesh.copy()
    matrix = np.asarray(matrix, np.float32)
    corners[which] = corners[which] @ matrix[:3, :3].T + matrix[:3, 3]
    return replace(faces, corners_mesh=corners)


def matrix_of(offset=(0, 0, 0), *, angle=0.0, axis="z", scale=1.0, about=(0, 0, 0)) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    turns = {"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}
    matrix = np.eye(4)
    matrix[:3, :3] = scale * np.array(turns[axis])
    matrix[:3, 3] = np.asarray(offset) + about - matrix[:3, :3] @ about
    return matrix


def of_object(memory, faces, object_id):
    return np.flatnonzero(np.isin(faces.ids, placements_of(memory, object_id)))


def transforms_of(placements, ids):
    return placements.edited_from_captured(placements.indices_of(ids))


def test_what_nobody_touched_comes_back_bit_for_bit_after_any_edit(memory):
    edited = memory.edited(translate(placements_of(memory, RED), (0.1, 0.2, 0.3)))
    edited = edited.edited(copy(placements_of(edited, BLUE), matrix_of((1, 0, 0), angle=0.3)))
    placements, report = read(edited, faces_of(edited))
    assert placements.same_as(edited.placements)
    assert report.healthy and report.moved == report.copied == report.deleted == 0


def test_a_plain_move_is_a_plain_move_and_the_rest_keeps_its_bits(memory):
    faces = faces_of(memory)
    red = of_object(memory, faces, RED)
    placements, report = read(memory, moved(faces, red, matrix_of((0.7, -0.25, 0.1))))
    assert len(placements.transforms) == 2
    expected = matrix_of((0.7, -0.25, 0.1))
    assert np.array_equal(
        transforms_of(placements, faces.ids[red])[:, :3, :3], expected[None, :3, :3].repeat(len(red), 0)
    )
    assert np.allclose(transforms_of(placements, faces.ids[red]), expected, atol=1e-6)
    others = np.setdiff1d(faces.ids, faces.ids[red])
    assert np.array_equal(transforms_of(placements, others), np.eye(4)[None].repeat(len(others), 0))
    assert report.moved == len(red)


@pytest.mark.parametrize("scale", [1.0, 0.5, 3.0])
def test_a_turned_and_scaled_object_stays_rigid(memory, scale):
    faces = faces_of(memory)
    red = of_object(memory, faces, RED)
    expected = matrix_of((1, 2, 0), angle=0.9, axis="x", scale=scale, about=(-1, 0.7, 0.5))
    placements, _ = read(memory, moved(faces, red, expected))
    assert len(placements.transforms) == 2
    assert np.allclose(placements.transforms[1], expected, atol=2e-6)


def test_a_mirrored_object_comes_back_mirrored(memory):
    faces = faces_of(memory)
    red = of_object(memory, faces, RED)
    mirror = np.diag([-1.0, 1, 1, 1])
    placements, report = read(memory, moved(faces, red, mirror))
    assert len(placements.transforms) == 2
    assert np.allclose(placements.transforms[1], mirror, atol=1e-5)
    assert report.sheared == 0


def test_several_groups_moved_at_once_come_apart_again(memory):
    faces = faces_of(memory)
    red, blue = of_object(memory, faces, RED), of_object(memory, faces, BLUE)
    motions = (
        matrix_of((0.5, 0, 0)),
        matrix_of((0.505, 0, 0)),
        matrix_of((0, 0, 0.4), angle=0.4, about=(1.4, 1.4, 0)),
        matrix_of((0, 0, 0), angle=1.2, axis="x", scale=-1.0),
    )
    groups = (red[: len(red) // 2], red[len(red) // 2 :], blue[: len(blue) // 2], blue[len(blue) // 2 :])
    for group, motion in zip(groups, motions, strict=True):
        faces = moved(faces, group, motion)
    placements, _ = read(memory, faces)
    for group, motion in zip(groups, motions, strict=True):
        found = transforms_of(placements, faces.ids[group])
        assert (found == found[0]).all()
        assert np.allclose(found[0], motion, atol=2e-5), (found[0], motion)
    assert len(placements.transforms) == 5


def test_a_group_keeps_its_bits_when_another_one_moves_later(memory):
    faces = faces_of(memory)
    red, blue = of_object(memory, faces, RED), of_object(memory, faces, BLUE)
    first = moved(faces, red, matrix_of((0.5, 0.1, 0), angle=0.7))
    before = transforms_of(read(memory, first)[0], faces.ids[red])
    later = moved(first, blue, matrix_of((-1, 0, 0), angle=0.2))
    assert np.array_equal(before, transforms_of(read(memory, later)[0], faces.ids[red]))


def test_every_patch_for_itself_is_found_as_well(memory):
    faces = faces_of(memory)
    rng = np.random.default_rng(1)
    offsets = rng.normal(size=(len(faces), 1, 3)).astype(np.float32)
    placements, report = read(memory, replace(faces, corners_mesh=faces.corners_mesh + offsets))
    assert report.moved == len(faces) and report.sheared == 0
    found = transforms_of(placements, faces.ids)
    assert np.array_equal(found[:, :3, :3], np.eye(3)[None].repeat(len(faces), 0))
    assert np.allclose(found[:, :3, 3], offsets[:, 0], atol=5e-6)


def test_the_whole_object_moves_turns_and_scales(memory):
    faces = faces_of(memory)
    world_from_mesh = matrix_of((3, 0, 1), angle=0.5, scale=2.0).astype(np.float32)
    placements, report = read(memory, faces, world_from_mesh)
    assert len(placements.transforms) == 2
    assert np.allclose(transforms_of(placements, faces.ids), world_from_mesh, atol=1e-6)
    assert report.moved == len(faces)
    only_moved = read(memory, faces, matrix_of((3, 0, 1)))[0]
    assert np.array_equal(only_moved.transforms[1], matrix_of((3, 0, 1)))


def test_an_object_stretched_along_one_axis_is_reported_and_gets_the_nearest_placements(memory):
    placements, report = read(memory, faces_of(memory), np.diag([2.0, 1, 1, 1]))
    assert report.sheared > 0
    assert "stretched" in " ".join(report.sentences())
    assert len(placements) == len(memory.placements)


def test_sky_stays_where_it_is(memory):
    sky = memory.placements.ids[memory.patches.sky[memory.placements.rows - 1]]
    assert len(sky)
    placements, report = read(memory, faces_of(memory).taken(slice(0, 0)))
    assert np.array_equal(placements.ids, sky)
    assert report.deleted == len(memory.placements) - len(sky)


def test_deleted_faces_are_deleted_placements(memory):
    faces = faces_of(memory)
    red = of_object(memory, faces, RED)
    placements, report = read(memory, faces.taken(np.setdiff1d(np.arange(len(faces)), red)))
    assert not np.isin(faces.ids[red], placements.ids).any()
    assert report.deleted == len(red)


def joined(*parts: Faces) -> Faces:
    names = Faces.__dataclass_fields__
    faces = Faces(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})
    return replace(faces, vertices=np.arange(4 * len(faces)).reshape(-1, 4))


def test_a_copied_face_gets_a_fresh_id_and_the_original_keeps_its_own(memory):
    faces = faces_of(memory)
    red = of_object(memory, faces, RED)
    copies = moved(faces.taken(red), slice(None), matrix_of((2, 0, 0)))
    # The moved copies come first: the untouched originals must keep their ids all the same.
    placements, report = read(memory, joined(copies, faces))
    assert report.copied == len(red)
    assert np.array_equal(transforms_of(placements, faces.ids), np.eye(4)[None].repeat(len(faces), 0))
    new = placements.ids >= FIRST_COPY_ID
    assert np.array_equal(np.sort(placements.rows[new]), np.sort(faces.rows[red]))
    assert np.allclose(placements.edited_from_captured(new), matrix_of((2, 0, 0)), atol=1e-6)


def test_hiding_and_flags_come_from_the_faces(memory):
    faces = faces_of(memory)
    flags = faces.flags.copy()
    flags[:5] |= HIDDEN
    placements, _ = read(memory, replace(faces, flags=flags))
    assert (placements.flags[placements.indices_of(faces.ids[:5])] & HIDDEN).all()
    assert not (placements.flags[placements.indices_of(faces.ids[5:])] & HIDDEN).any()


def test_locked_patches_stay_whatever_happens_to_their_faces(memory):
    red = placements_of(memory, RED)
    locked = memory.edited(lock(red))
    faces = faces_of(locked)
    at = of_object(locked, faces, RED)
    pulled = moved(faces, at[:3], matrix_of((0, 0, 5)))
    placements, report = read(locked, pulled.taken(np.setdiff1d(np.arange(len(faces)), at[3:7])))
    assert placements.same_as(locked.placements)
    assert report.locked == 7 and "locked" in report.sentences()[0]
    assert (placements.flags[placements.indices_of(red)] & LOCKED).all()


def test_odd_faces_are_counted_and_ignored(memory):
    faces = faces_of(memory)
    rows, quads, own = faces.rows.copy(), faces.is_quad.copy(), faces.own.copy()
    corners, vertices = faces.corners_mesh.copy(), faces.vertices.copy()
    rows[0], rows[1], rows[2] = 0, len(memory.patches) + 1, -7
    quads[3], own[4] = False, False
    corners[5], corners[6, 1] = corners[5, 0], np.nan
    odd = replace(faces, rows=rows, is_quad=quads, own=own, corners_mesh=corners, vertices=vertices)
    placements, report = read(memory, odd)
    assert (report.plain, report.unknown, report.broken, report.foreign) == (1, 2, 1, 1)
    assert report.collapsed == 2 and report.ignored == 7
    assert not np.isin(faces.ids[:7], placements.ids).any()
    assert np.isin(faces.ids[7:], placements.ids).all()


def test_pieces_of_one_patch_are_no_copies_but_copies_that_touch_others_are(memory):
    faces = faces_of(memory)
    pieces = joined(faces, faces.taken([0, 0, 0]))
    vertices = pieces.vertices.copy()
    vertices[-3:, 0] = vertices[0, 0]
    _, report = read(memory, replace(pieces, vertices=vertices))
    assert report.cut_up == 4 and report.copied == 0
    # Merge by distance welds neighbours of different patches: they stay whole.
    vertices = faces.vertices.copy()
    vertices[1, 0] = vertices[0, 1]
    placements, report = read(memory, replace(faces, vertices=vertices))
    assert report.healthy and placements.same_as(memory.placements)


def test_sheared_quads_are_projected_and_reported(memory):
    faces = faces_of(memory)
    corners = faces.corners_mesh.copy()
    middle = corners[0].mean(axis=0)
    corners[0, :2] += 0.4 * (corners[0, 1] - corners[0, 0])
    placements, report = read(memory, replace(faces, corners_mesh=corners))
    assert report.sheared == 1 and report.moved == 1
    centre = memory.patches.quad_world[faces.rows[0] - 1].mean(axis=0)
    matrix = transforms_of(placements, faces.ids[:1])[0]
    assert (
        np.linalg.norm(matrix[:3, :3] @ centre + matrix[:3, 3] - middle)
        < np.linalg.norm(corners[0] - middle, axis=1).max()
    )


def test_a_face_that_lost_its_id_is_known_by_its_row(memory):
    faces = faces_of(memory)
    placements, _ = read(memory, replace(faces, ids=np.zeros_like(faces.ids)))
    assert placements.same_as(memory.placements)


def test_an_empty_memory_and_an_empty_mesh_are_fine():
    nothing = Placements.of_rows(np.zeros(0, np.int32))
    faces = Faces(
        corners_mesh=np.zeros((0, 4, 3), np.float32),
        vertices=np.zeros((0, 4), int),
        is_quad=np.zeros(0, bool),
        own=np.zeros(0, bool),
        rows=np.zeros(0, np.int32),
        ids=np.zeros(0, np.int64),
        flags=np.zeros(0, np.uint8),
    )
    placements, report = placements_from_faces(faces, patches=Patches.none(), base=nothing)
    assert len(placements) == 0 and report.healthy


def test_whatever_the_corners_are_reading_never_raises(memory):
    faces = faces_of(memory)
    rng = np.random.default_rng(5)
    for _ in range(30):
        corners = faces.corners_mesh.copy()
        for change in (
            lambda quads: quads * np.float32(10) ** rng.integers(-30, 30, (len(quads), 1, 1)),
            lambda quads: quads + rng.normal(size=quads.shape) * 10.0 ** rng.integers(-6, 3),
            lambda quads: quads[:, rng.permutation(4)],
            lambda quads: quads * rng.choice([-1, 0, 1, np.nan, np.inf], (1, 1, 3)),
            lambda quads: np.repeat(quads[:, :2], 2, axis=1),
        ):
            some = np.flatnonzero(rng.random(len(faces)) < 0.2)
            with np.errstate(all="ignore"):
                corners[some] = change(corners[some])
        world_from_mesh = rng.normal(size=(4, 4)) if rng.random() < 0.5 else np.eye(4)
        placements, report = read(memory, replace(faces, corners_mesh=corners), world_from_mesh)
        assert report.ignored + len(placements) == len(memory.placements)


def test_a_matrix_that_is_not_finite_is_refused(memory):
    with pytest.raises(EditError, match="finite"):
        read(memory, faces_of(memory), np.full((4, 4), np.nan))


def test_a_hundred_thousand_faces_are_read_while_nobody_notices():
    patches, base = strewn_patches(100_000)
    corners = quads_of(base, patches)
    corners[:20_000] += np.float32([1, 2, 0])
    faces = Faces(
        corners_mesh=corners,
        vertices=np.arange(400_000).reshape(-1, 4),
        is_quad=np.ones(100_000, bool),
        own=np.ones(100_000, bool),
        rows=base.rows,
        ids=base.ids,
        flags=base.flags,
    )
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        placements, _ = placements_from_faces(faces, patches=patches, base=base)
        best = min(best, time.perf_counter() - start)
    assert len(placements.transforms) == 2
    assert best < 0.5, f"{best:.3f} s"
