"""How quick the points of a large memory are in a real window, as JSON.

    BLENDER=blender python tests/desktop/bench_points.py

Some 100,000 patches that 112 ray-cast views saw. Redraws are Blender's own timer's, of a maximised viewport, and the
same view is drawn with native meshes: the memory's own quads, and one with as many vertices as the memory has points.
All times are medians in milliseconds, on the clock and (`_cpu`) of the processor: on a machine that does other things
as well the second are what it would take alone, where one core works. MOSAIC_BENCH_MEMORY names a .mosaic
file to take instead.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

POINTS_A_PATCH = 16
REPEATS = 9


def scenario(desk):
    """Runs inside Blender."""
    import importlib

    import bpy

    def part(name):
        return importlib.import_module(f"bl_ext.user_default.mosaic.{name}")

    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    figures, given = {}, os.environ.get("MOSAIC_BENCH_MEMORY")
    if given:
        file, memory = Path(given), part("mosaic_core.memory").load_memory(given)
    else:
        file, memory = desk.folder / "large.mosaic", large_memory(part)
        part("mosaic_core.memory").save_memory(memory, file)
    clock, cpu = time.perf_counter(), time.process_time()
    obj = part("memory.build").build_memory_object(bpy.context, memory, file, "Large")
    part("overlay.source").shown(obj)
    figures["build_ms"], figures["build_ms_cpu"] = (
        1e3 * (now - then) for now, then in ((time.perf_counter(), clock), (time.process_time(), cpu))
    )
    figures["patches"] = len(obj.data.polygons)
    bpy.context.scene.mosaic.memory = obj
    yield from desk.wait(2.0)
    area, region = desk.area("VIEW_3D"), desk.region("WINDOW")
    with bpy.context.temp_override(window=desk.window, area=area, region=region):
        measure_picking(part, obj, figures)
        measure_redraw(part, obj, figures)
    yield from desk.shot("bench_points")
    (desk.folder / "figures.json").write_text(json.dumps(figures), encoding="utf-8")


def large_memory(part):
    """28 views of a room with crates, and of three more such rooms beside it: the same pixels, other cameras."""
    from dataclasses import replace

    import numpy as np

    scenes, memory = part("mosaic_core.scenes"), part("mosaic_core.memory")
    colours = ((0.55, 0.5, 0.45), (0.75, 0.72, 0.66), (0.8, 0.2, 0.15), (0.2, 0.3, 0.85))
    boxes = [
        scenes.Box((-6, -6, -0.5), (6, 6, 0), 1, colours[0]),
        scenes.Box((-6, 5, 0), (6, 6, 3.5), 2, colours[1]),
        scenes.Box((-1.6, 0.2, 0), (-0.6, 1.2, 1), 3, colours[2]),
        scenes.Box((1.0, 1.0, 0), (1.8, 1.8, 0.8), 4, colours[3]),
    ]
    views = []
    for number in range(28):
        place, target = (number % 7 * 1.2 - 3.6, -5.0 + number // 7 * 0.4, 2.4), (0, 1.5, 0.2)
        camera = scenes.camera_looking_at(place, target, image_height=360, image_width=640, fov_deg=60.0)
        view = scenes.ray_cast_view(camera, boxes, time_s=float(number))
        for beside in range(4):
            world_from_cam = np.array(camera.world_from_cam)
            world_from_cam[0, 3] += 13.0 * (beside - 1.5)
            views.append(replace(view, camera=replace(camera, world_from_cam=world_from_cam)))
    return memory.Memory.from_views(views, {1: "Floor", 2: "Wall", 3: "Red Crate", 4: "Blue Crate"})


def measure_picking(part, obj, figures) -> None:
    import bpy
    import numpy as np

    screen, source = part("overlay.screen"), part("overlay.source")
    region = bpy.context.region
    box = part("overlay.picking").box_region((region.width, region.height), (0, 0), (region.width, region.height))

    def anew(then):
        screen._screens.clear()
        return then()

    where = region.width // 2, region.height // 2
    start = time.perf_counter()
    screen.pick(bpy.context, *where)  # reads which pixels of the atlas are the patches' own
    figures["first_pick_ms"] = 1e3 * (time.perf_counter() - start)
    measure(figures, "pick_after_the_view_turned_ms", lambda: anew(lambda: screen.pick(bpy.context, *where)))
    measure(figures, "pick_ms", lambda: screen.pick(bpy.context, *where))
    measure(figures, "box_all_ms", lambda: anew(lambda: screen.faces_in_region(bpy.context, obj, box)))
    figures["box_found"] = int(np.count_nonzero(screen.faces_in_region(bpy.context, obj, box)))
    select = part("memory.select")
    found = screen.faces_in_region(bpy.context, obj, box)
    measure(figures, "write_selection_ms", lambda: select.change_selection(obj, found, "SET"))

    def read_again():
        source.changed()
        source.shown(obj)

    measure(figures, "read_mesh_ms", read_again)
    select.set_selection(obj, np.zeros(len(found), bool))


def measure_redraw(part, obj, figures) -> None:
    import bpy

    mosaic = bpy.context.scene.mosaic
    bpy.context.view_layer.update()
    measure(figures, "redraw_points_ms", redraw)
    mosaic.show_points = False
    measure(figures, "redraw_own_quads_ms", redraw)
    obj.hide_set(True)
    measure(figures, "redraw_empty_ms", redraw)
    grid = native_grid(len(obj.data.polygons) * POINTS_A_PATCH)
    measure(figures, "redraw_as_many_vertices_ms", redraw)
    bpy.data.objects.remove(grid)
    obj.hide_set(False)
    mosaic.show_points = True
    measure(figures, "redraw_points_again_ms", redraw)


def native_grid(vertices: int):
    """A native mesh where the memory is, with about so many vertices."""
    import bpy

    side = round(vertices**0.5)
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=side - 1, y_subdivisions=side - 1, size=12)
    grid = bpy.context.object
    grid.select_set(False)
    return grid


def redraw() -> None:
    import bpy

    bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)


def measure(figures: dict, name: str, call) -> None:
    """The median of some calls after a first one, on the clock and of the processor."""
    clock, cpu = [], []
    call()
    for _ in range(REPEATS):
        then = time.perf_counter(), time.process_time()
        call()
        clock.append(1e3 * (time.perf_counter() - then[0]))
        cpu.append(1e3 * (time.process_time() - then[1]))
    figures[name], figures[f"{name}_cpu"] = statistics.median(clock), statistics.median(cpu)


def main() -> None:
    sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]
    from harness import DesktopBlender

    from build_addon import build

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blender = DesktopBlender(os.environ["BLENDER"], folder / "home")
        blender.install(build(folder / "zip"))
        shots = Path(os.environ.get("MOSAIC_SCREENSHOTS", folder / "shots"))
        result = blender.play(Path(__file__), blend_file=None, folder=folder / "run", shots=shots)
        if result["error"]:
            sys.exit(result["error"])
        figures = json.loads((folder / "run" / "figures.json").read_text(encoding="utf-8"))
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}, indent=1))


if __name__ == "__main__":
    main()
