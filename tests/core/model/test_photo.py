"""A memory of one photograph, and the depth head that gives it depth."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from mosaic_core.cli import main  # noqa: E402
from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.memory import load_memory  # noqa: E402
from mosaic_core.model.depth import DepthConfig, DepthHead, estimated_depth  # noqa: E402
from mosaic_core.model.photo import LONGEST_PX, memory_of_photo  # noqa: E402
from mosaic_core.model.weights import load_depth_head  # noqa: E402
from mosaic_core.train.weights import write_weights  # noqa: E402

from ..known_scenes import camera_at  # noqa: E402

CONFIG = DepthConfig((4, 4, 6, 6, 8))


class Sloping(torch.nn.Module):
    """Stands in for a trained head: sky above, and ground that comes nearer row by row."""

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        height, width = rgb.shape[-2:]
        near = torch.linspace(-0.5, 0.9, height)[:, None].expand(height, width)
        return near[None, None]


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    write_weights(DepthHead(CONFIG).state_dict(), tmp_path / "depth.safetensors", config=CONFIG, facts={})
    return tmp_path / "depth.safetensors"


@pytest.fixture
def photo(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (90, 160, 3), np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_depth_has_the_pictures_size_and_the_scale_it_is_told():
    picture = torch.rand(3, 90, 160)
    near, far = (estimated_depth(Sloping(), picture, median_m=m) for m in (2.0, 6.0))
    assert near.shape == (90, 160)
    known = torch.isfinite(near)
    assert not known[:20].any() and known[-20:].all(), "sky above, ground below"
    torch.testing.assert_close(far[known], 3 * near[known])
    assert (near[-20:, 5].diff() <= 0).all()


def test_a_photograph_becomes_a_memory_of_one_view(photo):
    camera = camera_at((0, -4, 1.5), height=45, width=80)
    memory = memory_of_photo(photo, camera, Sloping(), median_m=3.0)
    (view,) = memory.views
    assert np.array_equal(view.rgb, np.asarray(Image.open(photo)))
    assert view.sky[:20].all() and not view.sky[-20:].any()
    assert (view.camera.image_height, view.camera.image_width) == (90, 160)
    assert len(memory.patches) > 20


def test_a_large_photograph_is_taken_smaller(tmp_path):
    file = tmp_path / "large.jpg"
    Image.new("RGB", (2 * LONGEST_PX, LONGEST_PX), (90, 40, 10)).save(file)
    memory = memory_of_photo(file, camera_at((0, -4, 1.5), height=40, width=80), Sloping(), median_m=3.0)
    assert memory.views[0].rgb.shape == (LONGEST_PX // 2, LONGEST_PX, 3)


def test_the_command_line_makes_it(photo, weights, tmp_path, capsys):
    out = tmp_path / "photo.mosaic"
    assert main(["photo", str(photo), "--weights", str(weights), "--out", str(out)]) == 0
    assert "1 view" in capsys.readouterr().out
    assert len(load_memory(out).views) == 1


def test_a_head_keeps_its_widths_in_its_file(weights):
    assert load_depth_head(weights).config == CONFIG


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.png"], "cannot be read as a picture"),
        (["depth.safetensors"], "cannot be read as a picture"),
        (["photo.png", "--median-m", "0"], "positive number of metres"),
        (["photo.png", "--median-m", "nan"], "positive number of metres"),
        (["photo.png", "--weights", "photo.png"], "holds no weights of ours"),
    ],
)
def test_bad_input_is_said_and_leaves_nothing(photo, weights, tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    if "--weights" not in arguments:
        arguments = [*arguments, "--weights", str(weights)]
    assert main(["photo", *arguments, "--out", "out.mosaic"]) == 1
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (tmp_path / "out.mosaic").exists()


def test_a_camera_of_another_shape_is_refused(photo):
    with pytest.raises(MosaicError, match="another shape"):
        memory_of_photo(photo, camera_at((0, -4, 1.5), height=80, width=80), Sloping(), median_m=3.0)
