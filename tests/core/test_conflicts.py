"""Contradictions are found where the scene changed and nowhere else, shown, settled by edits, and undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.errors import EditError, MosaicError
from mosaic_core.memory import Memory, load_memory, save_memory
from mosaic_core.memory.budget import compacted, evict, patch_bytes
from mosaic_core.memory.conflicts import KINDS, conflict_map, find_conflicts, resolve
from mosaic_core.memory.edits import copy, delete, lock, translate
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.writing import write
from mosaic_core.scenes import Box

from .known_scenes import BLUE, NAMES, RED, ROOM, camera_at, placements_of, view_of

PLACES = ((0.7, -4.2, 1.9), (-2.0, -4.8, 1.7))
MOVED = tuple(box.moved((1.3, 0.2, 0)) if box.object_id == RED else box for box in ROOM)
PAINTED = tuple(Box(b.low, b.high, b.object_id, (0.1, 0.9, 0.1)) if b.object_id == RED else b for b in ROOM)


def latent(place, boxes=ROOM, *, time_s=0.0):
    return replace(view_of(camera_at(place, height=44, width=80), boxes, time_s=time_s), patch_size_px=1)


def changed(boxes) -> Memory:
    """The room as it was, and from elsewhere as it is now."""
    before = [latent(PLACES[0])]
    return write(write(Memory.from_views([]), before, NAMES).memory, [latent(PLACES[1], boxes, time_s=9.0)]).memory


def objects_of(memory, ids) -> set[int]:
    ids = ids[ids > 0]
    return set(memory.patches.object_id[memory.placements.rows[memory.placements.indices_of(np.unique(ids))] - 1])


def of_kind(conflicts, kind):
    return conflicts.taken(conflicts.kind == KINDS.index(kind))


def test_a_scene_that_did_not_change_has_no_conflicts():
    memory = changed(ROOM)
    assert len(find_conflicts(memory)) <= 0.01 * len(memory.patches)


def test_what_moved_is_found_and_where_it_is_now():
    memory = changed(MOVED)
    conflicts = find_conflicts(memory)
    gone, come = of_kind(conflicts, "gone"), of_kind(conflicts, "come")
    assert len(gone) > 20 and objects_of(memory, gone.earlier) == {RED}
    assert len(come) > 20 and objects_of(memory, come.later) == {RED}
    shown = conflict_map(memory, conflicts, 1)
    assert shown.shape == (44, 80) and (shown > 0).sum() > 40
    red = latent(PLACES[1], MOVED).object_ids == RED
    truly = red | (latent(PLACES[1], ROOM).object_ids == RED)
    assert (shown[~truly] > 0).sum() < 0.2 * (shown > 0).sum()
    assert (conflict_map(memory, conflicts, 0) == 0).all()


def test_what_was_painted_is_a_conflict_of_look():
    memory = changed(PAINTED)
    looks = of_kind(find_conflicts(memory, [1]), "look")
    for ids in (looks.earlier, looks.later):
        rows = memory.placements.rows[memory.placements.indices_of(ids)]
        assert len(rows) > 20 and (memory.patches.object_id[rows - 1] == RED).mean() > 0.95
    assert (looks.amount > 0.06).all()


@pytest.mark.parametrize("decision", ["keep", "supersede", "retire"])
def test_a_decision_is_an_edit_that_settles_and_can_be_undone(decision):
    memory = changed(MOVED)
    conflicts = find_conflicts(memory)
    settled = memory.edited(*resolve(memory, conflicts, decision, author="me"))
    back = settled
    for _ in settled.edits:
        assert back.edits[-1].author == "me"
        back = back.undo()
    assert back.placements.same_as(memory.placements)
    camera = camera_at((-0.5, -4.0, 1.6), height=44, width=80)
    time_s = {"keep": 0.0, "supersede": 9.0, "retire": 9.0}[decision]
    truth = view_of(camera, ROOM if decision == "keep" else MOVED)
    features = memory.patches.object_id[:, None].astype(np.float32)
    wrong = []
    for state in (memory, settled):
        shown = MemoryReader(state, time_s=time_s).features(features, camera)
        wrong.append(((shown.values[..., 0] == RED) & (truth.object_ids != RED)).sum())
    assert wrong[1] < 0.5 * wrong[0], wrong
    assert len(conflicts) > 40 and len(find_conflicts(settled)) == 0, "what is decided is not asked again"
    assert len(find_conflicts(back)) == len(conflicts)


def test_bad_questions_get_an_answer():
    memory = changed(ROOM)
    with pytest.raises(MosaicError, match=r"views 0 \.\. 1"):
        find_conflicts(memory, [5])
    with pytest.raises(MosaicError, match="keep, supersede or retire"):
        resolve(memory, find_conflicts(memory), "forget")
    with pytest.raises(EditError, match="either"):
        evict(memory)


def test_the_most_redundant_go_first_not_the_oldest():
    twice = Memory.from_views([latent(PLACES[0]), latent(PLACES[1]), latent(PLACES[0], time_s=1.0)], NAMES)
    count = int((twice.patches.view == 0).sum())
    edit = evict(twice, patches=len(twice.patches) - count // 2)
    assert edit is not None
    lean = twice.edited(edit)
    assert len(lean.placements) == len(twice.patches) - count // 2
    gone = np.setdiff1d(twice.placements.ids, lean.placements.ids)
    assert np.mean(twice.patches.view[gone - 1] == 0) < 0.2, "of two equal ones the older stays"
    camera = camera_at((0.5, -4.4, 1.9), height=44, width=80)
    colours = twice.patches.rgb.mean(axis=1, dtype=np.float32)
    whole, rest = (MemoryReader(m).features(colours, camera) for m in (twice, lean))
    assert (whole.covered & ~rest.covered).mean() < 0.01, "nothing that only one patch shows is gone"
    assert lean.undo().placements.same_as(twice.placements)
    assert evict(lean, patches=len(lean.placements)) is None


def test_a_budget_in_mib_and_locked_patches():
    memory = Memory.from_views([latent(PLACES[0])], NAMES)
    each = patch_bytes(memory, feature_bytes=192)
    edit = evict(memory, mib=1000 * each / 2**20, feature_bytes=192)
    assert edit is not None and abs(len(memory.edited(edit).placements) - 1000) <= 1
    held = memory.edited(lock(memory.placements.ids[:2000]))
    lean = held.edited(evict(held, patches=2100))
    assert np.isin(np.arange(1, 2001), lean.placements.ids).all()
    with pytest.raises(EditError, match="locked"):
        evict(held, patches=1500)


def test_compacting_renumbers_everything_alike(tmp_path):
    memory = write(Memory.from_views([]), [latent(PLACES[0]), latent(PLACES[1])], NAMES).memory
    matrix = np.eye(4)
    matrix[1, 3] = 0.5
    edited = memory.edited(
        translate(placements_of(memory, RED), (0.4, 0, 0)), copy(placements_of(memory, BLUE), matrix)
    )
    lean = edited.edited(evict(edited, patches=2500))
    small = compacted(lean)
    assert len(small.memory.patches) == len(np.unique(lean.placements.rows)) < len(memory.patches)
    assert len(small.memory.placements) == 2500
    camera = camera_at((0.2, -4.4, 1.9), height=44, width=80)
    colours = memory.patches.rgb.mean(axis=1, dtype=np.float32)
    ours = MemoryReader(small.memory).features(colours[small.kept - 1], camera)
    theirs = MemoryReader(lean).features(colours, camera)
    assert np.array_equal(ours.values, theirs.values) and np.array_equal(ours.z_depth, theirs.z_depth)
    assert np.array_equal(np.flatnonzero(small.row_of), small.kept)
    save_memory(small.memory, tmp_path / "small.mosaic")
    loaded = load_memory(tmp_path / "small.mosaic")
    assert loaded.placements.same_as(small.memory.placements)
    undone = small.memory.undo().undo() if len(small.memory.edits) > 1 else small.memory.undo()
    assert not undone.edits and undone.placements.same_as(small.memory.written)


def test_compacting_after_a_delete_keeps_the_rest_of_the_history():
    memory = Memory.from_views([latent(PLACES[0])], NAMES)
    red = placements_of(memory, RED)
    edited = memory.edited(translate(red, (0.4, 0, 0)), delete(placements_of(memory, BLUE)))
    small = compacted(edited).memory
    assert [edit.kind for edit in small.edits] == ["transform"]
    assert small.undo().placements.same_as(small.written)
    assert len(small.placements) == len(edited.placements)
