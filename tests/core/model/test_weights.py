"""Weights on disk: what was written is what is loaded, and anything else is named in one sentence."""

from __future__ import annotations

from dataclasses import asdict

import pytest

torch = pytest.importorskip("torch")

from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.model.autoencoder import Autoencoder, AutoencoderConfig  # noqa: E402
from mosaic_core.model.denoiser import Denoiser  # noqa: E402
from mosaic_core.model.transformer import TransformerConfig  # noqa: E402
from mosaic_core.model.weights import facts_of, load_autoencoder, load_denoiser  # noqa: E402
from mosaic_core.train.weights import write_weights  # noqa: E402

SMALL = AutoencoderConfig(latent_channels=3, width=8, decoder_width=8, blocks=1)
TINY = TransformerConfig(latent_channels=3, dim=16, layers=1, heads=1, words=8, max_frames=3)


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    for name, module in (("autoencoder", Autoencoder(SMALL)), ("model", Denoiser(TINY))):
        state = {key: value + torch.randn_like(value) for key, value in module.state_dict().items()}
        write_weights(state, tmp_path / "new" / f"{name}.safetensors", config=module.config, facts={"clips": 7})
    return tmp_path / "new"


@pytest.mark.parametrize(
    ("name", "load", "config"), [("autoencoder", load_autoencoder, SMALL), ("model", load_denoiser, TINY)]
)
def test_they_come_back_in_half_precision_ready_to_use(files, name, load, config):
    torch.manual_seed(0)
    module = load(files / f"{name}.safetensors")
    assert asdict(module.config) == asdict(config)
    assert not module.training and not any(p.requires_grad for p in module.parameters())
    states = module.state_dict()
    assert all(value.dtype == torch.float32 for value in states.values())
    fresh = type(module)(config)
    write_weights(fresh.state_dict(), files / "again.safetensors", config=config, facts={})
    for key, value in load(files / "again.safetensors").state_dict().items():
        torch.testing.assert_close(value, fresh.state_dict()[key], rtol=1e-3, atol=1e-6)
        assert torch.equal(value, value.half().float())


def test_they_say_how_they_came_to_be(files):
    facts = facts_of(files / "model.safetensors")
    assert facts["clips"] == 7 and {"mosaic", "torch", "hardware"} <= facts.keys()


def one_sentence(function, file) -> str:
    with pytest.raises(MosaicError) as caught:
        function(file)
    text = str(caught.value)
    assert str(file) in text and "\n" not in text
    return text


def test_weights_of_another_model_are_refused(files):
    assert "another model" in one_sentence(load_denoiser, files / "autoencoder.safetensors")
    assert "another model" in one_sentence(load_autoencoder, files / "model.safetensors")
    deeper = TransformerConfig(**{**asdict(TINY), "layers": 2})
    write_weights(Denoiser(TINY).state_dict(), files / "odd.safetensors", config=deeper, facts={})
    assert "another model" in one_sentence(load_denoiser, files / "odd.safetensors")


@pytest.mark.parametrize("function", [load_autoencoder, load_denoiser, facts_of])
def test_a_file_that_is_missing_damaged_or_foreign_is_refused(files, function):
    from safetensors.torch import save_file

    assert "holds no weights of ours" in one_sentence(function, files / "none.safetensors")
    whole = (files / "model.safetensors").read_bytes()
    for content in (b"", b"\xff" * 50, whole[: len(whole) // 2]):
        (files / "bad.safetensors").write_bytes(content)
        assert "holds no weights of ours" in one_sentence(function, files / "bad.safetensors")
    save_file({"a": torch.zeros(1)}, files / "foreign.safetensors")
    assert "holds no weights of ours" in one_sentence(function, files / "foreign.safetensors")
