"""The demonstration's courtyard: deterministic, physically sound, light enough to ship in a file, and visible."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="the add-on tests need the bpy package")

from mathutils import Vector  # noqa: E402
from mathutils.bvhtree import BVHTree  # noqa: E402

from blender_addon.demo import courtyard as demo  # noqa: E402

pytestmark = pytest.mark.slow

TOUCH_M = 0.03
FLAT = ("Paving", "Meadow")


@pytest.fixture(scope="module")
def courtyard_file(tmp_path_factory):
    """The courtyard, saved once: composing paints every texture and takes seconds, opening a file does not."""
    file = tmp_path_factory.mktemp("courtyard") / "courtyard.blend"
    bpy.ops.wm.read_factory_settings(use_empty=True)
    supports = demo.compose_courtyard(bpy.context.scene).supports
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    return file, supports


@pytest.fixture
def court(courtyard_file):
    file, supports = courtyard_file
    bpy.ops.wm.open_mainfile(filepath=str(file), load_ui=False)
    objects = {name: bpy.data.objects[name] for name in supports}
    return demo.Courtyard(bpy.data.collections["Courtyard"], objects, supports)


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _pixels(image: bpy.types.Image) -> np.ndarray:
    values = np.zeros(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    return values


def _vertices_world(obj: bpy.types.Object) -> np.ndarray:
    values = np.zeros(3 * len(obj.data.vertices), np.float32)
    obj.data.vertices.foreach_get("co", values)
    matrix = np.array(obj.matrix_world)
    return values.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _fingerprint() -> dict[str, str]:
    prints = {f"image {image.name}": _digest(_pixels(image)) for image in bpy.data.images if image.size[0]}
    for obj in bpy.data.objects:
        if obj.type == "MESH":
            prints[f"mesh {obj.name}"] = _digest(_vertices_world(obj))
    return prints


def _first_texture(obj: bpy.types.Object) -> bpy.types.Image:
    return obj.data.materials[0].node_tree.nodes.active.image


@pytest.mark.slow
def test_same_courtyard_twice_with_many_distinct_textures_and_a_small_file(court, courtyard_file):
    objects = list(court.objects.values())
    assert len(objects) >= 12
    textures = {_digest(_pixels(_first_texture(obj))) for obj in objects}
    assert len(textures) >= 25, "objects must be tellable by their texture"
    for obj in objects:
        assert obj.data.uv_layers.active is not None, obj.name
    bpy.context.view_layer.update()
    first = _fingerprint()
    assert courtyard_file[0].stat().st_size < 15e6

    bpy.ops.wm.read_factory_settings(use_empty=True)
    demo.compose_courtyard(bpy.context.scene)
    bpy.context.view_layer.update()
    assert _fingerprint() == first


def _gap_m(one: bpy.types.Object, other: bpy.types.Object) -> float:
    trees, vertices = [], []
    for obj in (one, other):
        vertices.append([Vector(v) for v in _vertices_world(obj)])
        trees.append(BVHTree.FromPolygons(vertices[-1], [tuple(p.vertices) for p in obj.data.polygons]))
    if trees[0].overlap(trees[1]):
        return 0.0
    # A wide stone on a narrow wall has no corner near the wall, but the wall's corners are near the stone.
    return min(tree.find_nearest(v)[3] for tree, points in zip(trees, vertices[::-1], strict=True) for v in points)


def test_everything_stands_on_something(court):
    bpy.context.view_layer.update()
    for name, support in court.supports.items():
        vertices = _vertices_world(court.objects[name])
        if name == "Meadow":  # is the ground
            continue
        if support == "ground":
            # Sunk a little is how things stand on grass; hovering is what must not be.
            assert -0.4 < vertices[:, 2].min() < 0.005, f"{name} does not stand on the ground"
            continue
        gap = _gap_m(court.objects[name], court.objects[support])
        assert gap < TOUCH_M, f"{name} is {gap:.3f} m away from {support}"


def test_texture_coordinates_have_one_scale_over_an_object(court):
    # Stretch = how much longer a metre is in the texture along one direction of a face than over the whole object.
    for name in ("Crate Red", "Wall North", "Wall East", "Coping East", "Bench", "Urn"):
        mesh = court.objects[name].data
        corners = np.zeros(2 * len(mesh.loops), np.float32)
        mesh.uv_layers.active.uv.foreach_get("vector", corners)
        corners = corners.reshape(-1, 2)
        ratios = []
        for polygon in mesh.polygons:
            loops = list(polygon.loop_indices)
            points = [mesh.vertices[mesh.loops[k].vertex_index].co for k in loops]
            for a in range(len(loops)):
                b = (a + 1) % len(loops)
                length_m = (points[b] - points[a]).length
                if length_m > 0.05:
                    ratios.append(np.linalg.norm(corners[loops[b]] - corners[loops[a]]) / length_m)
        ratios = np.array(ratios)
        assert np.quantile(ratios, 0.9) < 2.0 * np.median(ratios), name
        assert np.quantile(ratios, 0.1) > 0.5 * np.median(ratios), name


def _box(obj: bpy.types.Object, offset_m=(0, 0, 0)) -> tuple[np.ndarray, np.ndarray]:
    vertices = _vertices_world(obj) + np.asarray(offset_m)
    return vertices.min(axis=0) + 0.01, vertices.max(axis=0) - 0.01


def test_edited_things_end_on_the_ground_and_in_nothing_else(court):
    bpy.context.view_layer.update()
    assert {edit.kind for edit in demo.EDITS} == {"move", "copy", "delete"}
    deleted = {edit.object_name for edit in demo.EDITS if edit.kind == "delete"}
    for edit in demo.EDITS:
        assert edit.object_name in court.objects
        if edit.kind == "delete":
            continue
        assert edit.offset_m[2] == 0.0 and court.supports[edit.object_name] == "ground"
        low, high = _box(court.objects[edit.object_name], edit.offset_m)
        assert np.linalg.norm(edit.offset_m) > 1.0, "an edit must be seen"
        for name, other in court.objects.items():
            if name in (*FLAT, edit.object_name) or name in deleted:
                continue
            other_low, other_high = _box(other)
            assert not ((low < other_high) & (other_low < high)).all(), f"{edit.object_name} would hit {name}"


def _seen_by(camera: bpy.types.Object) -> set[str]:
    scene = bpy.context.scene
    depsgraph = bpy.context.evaluated_depsgraph_get()
    matrix = camera.evaluated_get(depsgraph).matrix_world
    names = set()
    reach = np.tan(camera.data.angle / 2)
    for x in np.linspace(-reach, reach, 48):
        for y in np.linspace(-reach, reach, 48) * 9 / 16:
            direction = matrix.to_3x3() @ Vector((x, y, -1))
            hit, _, _, _, obj, _ = scene.ray_cast(depsgraph, matrix.translation, direction.normalized())
            if hit:
                names.add(obj.name)
    return names


def test_six_views_see_the_courtyard_and_the_path_sees_the_edits(court):
    scene = bpy.context.scene
    cameras = demo.capture_cameras(scene)
    assert [camera.name for camera in cameras] == [f"View {k}" for k in range(1, 7)]
    bpy.context.view_layer.update()
    seen = [_seen_by(camera) for camera in cameras]
    assert min(map(len, seen)) >= 12
    assert len(set.union(*seen)) >= 30
    for edit in demo.EDITS:
        assert sum(edit.object_name in names for names in seen) >= 2, edit.object_name
    path_camera = demo.demo_path(scene, frames=48)
    assert scene.camera == path_camera and (scene.frame_start, scene.frame_end) == (1, 48)
    places = []
    for frame in (1, 24, 48):
        scene.frame_set(frame)
        names = _seen_by(path_camera)
        places.append(path_camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation.copy())
        if frame > 1:
            assert {edit.object_name for edit in demo.EDITS} <= names
    assert (places[0] - places[-1]).length > 3.0


def test_workbench_shows_the_textures(court, tmp_path):
    scene = bpy.context.scene
    demo.set_render_settings(scene)
    import _cycles

    assert scene.render.engine == "CYCLES"
    # Distributions build Blender without the denoiser.
    assert scene.cycles.use_denoising == _cycles.with_openimagedenoise
    scene.camera = demo.capture_cameras(scene)[1]
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.render.filepath = str(tmp_path / "view.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = _pixels(image).reshape(36, 64, 4)[..., :3]
    assert pixels.std(axis=(0, 1)).min() > 0.08
    # The banner and the red crate: strong red, which nothing has where textures are missing.
    assert (pixels[..., 0] > 1.8 * pixels[..., 1:].max(axis=-1)).sum() > 10
