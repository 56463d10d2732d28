"""A real memory file of a gigabyte: opening it reads the tables that are needed, and a view is read by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.memory import Features, Memory, Patches, Placements, View, save_memory
from mosaic_core.memory.patches import column_names

from .known_scenes import NAMES, camera_at, view_of

VIEWS = 660

PROBE = """
import json, resource, sys, time
from pathlib import Path
from mosaic_core.memory import append_memory, edits, open_memory

def read_bytes():
    return int(Path("/proc/self/io").read_text().split()[1])

def peak_bytes():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

def measured(work):
    read, peak, start = read_bytes(), peak_bytes(), time.perf_counter()
    result = work()
    facts[work.__name__] = {
        "seconds": time.perf_counter() - start, "read": read_bytes() - read, "memory": peak_bytes() - peak}
    return result

def opening():
    return open_memory(sys.argv[1])

def one_picture():
    return memory.views[300].rgb.sum()

def appending_an_edit():
    append_memory(memory.edited(edits.hide(memory.placements.ids[:100])), sys.argv[1])

facts = {}
memory = measured(opening)
measured(one_picture)
measured(appending_an_edit)
print(json.dumps(facts))
"""


def large_memory() -> Memory:
    """Views whose colours and depths are noise, which does not compress; they share their patches. And latents."""
    rng = np.random.default_rng(0)
    base = view_of(camera_at((0.0, -5.5, 2.2), height=360, width=640))
    one = Memory.from_views([base], NAMES)
    count = len(one.patches)
    views, columns = [], {name: [] for name in column_names()}
    for index in range(VIEWS):
        rgb = rng.integers(0, 256, base.rgb.shape, dtype=np.uint8)
        z_depth = rng.uniform(1, 9, base.z_depth.shape).astype(np.float32)
        views.append(View(base.camera, rgb, z_depth, base.object_ids, base.dynamic, base.sky, name=str(index)))
        for name, pieces in columns.items():
            column = getattr(one.patches, name)
            pieces.append(np.full_like(column, index) if name == "view" else column)
    patches = Patches(**{name: np.concatenate(pieces) for name, pieces in columns.items()})
    rows = one.pixel_rows[0]
    maps = tuple(np.where(rows > 0, rows + np.int32(index * count), 0) for index in range(VIEWS))
    memory = replace(
        one,
        views=tuple(views),
        patches=patches,
        pixel_rows=maps,
        written=Placements.of_rows(np.arange(1, len(patches) + 1)),
        placements=None,
    )
    latents = rng.integers(0, 1 << 15, (len(patches), 48), dtype=np.uint16)
    return memory.with_features("tiny", Features(latents, "bfloat16"))


@pytest.mark.slow
def test_opening_a_gigabyte_reads_only_what_is_asked(tmp_path):
    file = tmp_path / "large.mosaic"
    save_memory(large_memory(), file)
    size = file.stat().st_size
    assert size > 0.9e9
    run = subprocess.run([sys.executable, "-c", PROBE, str(file)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    facts = json.loads(run.stdout)
    print(size, facts)
    assert facts["opening"]["read"] < 0.03 * size
    assert facts["opening"]["memory"] < 0.25 * size
    assert facts["one_picture"]["read"] < 3 * 360 * 640 * 3
    assert facts["appending_an_edit"]["read"] < 0.05 * size
    assert file.stat().st_size - size < 0.01 * size
