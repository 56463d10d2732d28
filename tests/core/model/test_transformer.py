"""The transformer's laws: what it must not notice, what it must, and that a toy of it learns."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from mosaic_core.errors import Cancelled  # noqa: E402
from mosaic_core.model.flow import GIVEN_LEVEL, noised, random_levels, sample  # noqa: E402
from mosaic_core.model.text import MAX_WORDS, unknown_words, word_ids  # noqa: E402
from mosaic_core.model.transformer import Conditioning, TransformerConfig, VideoTransformer, tokens_of  # noqa: E402

TINY = TransformerConfig(latent_channels=3, dim=32, layers=2, heads=2, words=128, max_frames=4)
FRAMES, HEIGHT, WIDTH, MOSAIC = 3, 4, 6, 5


def random_model(*, seed: int = 0) -> VideoTransformer:
    """With nothing left at its zero start, so that everything can be noticed."""
    torch.manual_seed(seed)
    model = VideoTransformer(TINY)
    for parameter in model.parameters():
        if (parameter == 0).all():
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval().double()


def random_told(*, batch: int = 2, seed: int = 1) -> Conditioning:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    pose = torch.eye(4, dtype=torch.float64).repeat(batch, FRAMES, 1, 1)
    pose[..., :3, :3] = torch.linalg.qr(normal(batch, FRAMES, 3, 3))[0]
    pose[..., :3, 3] = normal(batch, FRAMES, 3)
    return Conditioning(
        image_from_world=pose,
        words=word_ids(["a red ball"] * batch),
        canvas=normal(batch, FRAMES, 3, HEIGHT, WIDTH),
        canvas_share=torch.rand(batch, FRAMES, 1, HEIGHT, WIDTH, generator=generator).double(),
        mosaic=normal(batch, FRAMES, MOSAIC, 12),
        mosaic_positions=normal(batch, FRAMES, MOSAIC, 2) + 1,
        mosaic_valid=torch.rand(batch, FRAMES, MOSAIC, generator=generator) > 0.4,
    )


def latents(*, batch: int = 2, seed: int = 2):
    generator = torch.Generator().manual_seed(seed)
    noisy = torch.randn(batch, FRAMES, 3, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    return noisy, torch.rand(batch, FRAMES, generator=generator).double()


@pytest.fixture(scope="module")
def model() -> VideoTransformer:
    return random_model()


def test_a_new_model_predicts_no_velocity():
    told = random_told()
    told = Conditioning(*(v.float() if v.is_floating_point() else v for v in vars(told).values()))
    noisy, level = (a.float() for a in latents())
    assert (VideoTransformer(TINY)(noisy, level, told) == 0).all()


def test_tokens_are_blocks_and_go_back_where_they_came_from(model):
    cells = torch.arange(2 * 3 * 3 * 4 * 6).reshape(2, 3, 3, 4, 6).double()
    tokens = tokens_of(cells, 2)
    assert tokens.shape == (2, 3, 6, 12)
    assert tokens[1, 2, 4].tolist() == cells[1, 2, :, 2:4, 2:4].flatten().tolist()
    assert torch.equal(model._cells(tokens, 4, 6), cells)


def test_the_world_frame_does_not_matter(model):
    noisy, level = latents()
    told = random_told()
    world = torch.linalg.inv(random_told(seed=9).image_from_world[0, 0])
    elsewhere = replace(told, image_from_world=told.image_from_world @ world)
    torch.testing.assert_close(model(noisy, level, told), model(noisy, level, elsewhere))


def test_mosaic_tokens_that_are_not_valid_change_nothing(model):
    noisy, level = latents()
    told = random_told()
    other = torch.where(told.mosaic_valid[..., None], told.mosaic, 1e3)
    places = torch.where(told.mosaic_valid[..., None], told.mosaic_positions, -77.0)
    same = replace(told, mosaic=other, mosaic_positions=places)
    torch.testing.assert_close(model(noisy, level, told), model(noisy, level, same))


def test_the_order_of_mosaic_tokens_does_not_matter(model):
    noisy, level = latents()
    told = random_told()
    order = torch.randperm(MOSAIC, generator=torch.Generator().manual_seed(0))
    shuffled = {name: getattr(told, name)[:, :, order] for name in ("mosaic", "mosaic_positions", "mosaic_valid")}
    torch.testing.assert_close(model(noisy, level, told), model(noisy, level, replace(told, **shuffled)))


@pytest.mark.parametrize(
    "name", ["image_from_world", "words", "canvas", "canvas_share", "mosaic", "mosaic_positions", "mosaic_valid"]
)
def test_everything_it_is_told_matters(model, name):
    noisy, level = latents()
    told, other = random_told(), random_told(seed=5)
    changed = word_ids(["a blue box", ""]) if name == "words" else getattr(other, name)
    here, there = model(noisy, level, told), model(noisy, level, replace(told, **{name: changed}))
    assert not torch.allclose(here, there)


def test_clips_of_a_batch_do_not_see_each_other(model):
    noisy, level = latents()
    told = random_told()
    both = model(noisy, level, told)
    for index in range(2):
        alone = model(
            noisy[index : index + 1],
            level[index : index + 1],
            Conditioning(*(v[index : index + 1] for v in vars(told).values())),
        )
        torch.testing.assert_close(both[index : index + 1], alone)


def test_a_clip_without_words_or_memory_is_finite(model):
    noisy, level = latents()
    told = replace(random_told(), words=word_ids(["", ""])).without_memory()
    assert torch.isfinite(model(noisy, level, told)).all()


@pytest.mark.slow
def test_a_toy_learns_to_show_what_memory_holds():
    """The latents are what the canvas holds: after some steps, samples with memory resemble it, without do not."""
    torch.manual_seed(0)
    model = VideoTransformer(TINY)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)

    def batch_of(step: int, batch: int = 16):
        told = Conditioning(
            *(v.float() if v.is_floating_point() else v for v in vars(random_told(batch=batch, seed=step)).values())
        )
        truth = told.canvas.clone()
        return truth, replace(told, canvas_share=torch.ones_like(told.canvas_share))

    for step in range(150):
        truth, told = batch_of(step)
        generator = torch.Generator().manual_seed(step)
        level = random_levels(len(truth), FRAMES, generator=generator)
        noise = torch.randn(truth.shape, generator=generator)
        loss = (model(noised(truth, noise, level), level, told) - (noise - truth)).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    truth, told = batch_of(1000, 4)
    none = torch.zeros(FRAMES, dtype=torch.bool)
    shown = sample(model, told, given=truth, is_given=none, seed=0)
    blind = sample(model, told.without_memory(), given=truth, is_given=none, seed=0)
    assert (shown - truth).square().mean() < 0.4 * truth.square().mean() < (blind - truth).square().mean()


def test_the_true_velocity_leads_back_to_the_latents():
    truth, _ = latents()
    told = random_told()
    given = torch.tensor([True, False, False])

    def oracle(x, s, told):
        return (x - truth) / s[..., None, None, None]

    shown = sample(oracle, told, given=truth, is_given=given, seed=3, steps=4)
    torch.testing.assert_close(shown, truth)
    again = sample(oracle, told, given=truth, is_given=given, seed=3, steps=4)
    assert torch.equal(shown, again)


def test_given_frames_come_back_untouched_and_are_seen_nearly_clean(model):
    noisy, _ = latents()
    seen = []

    def watching(x, s, told):
        seen.append(s.clone())
        return model(x, s, told)

    shown = sample(watching, random_told(), given=noisy, is_given=torch.tensor([True, False, False]), seed=0, steps=3)
    assert torch.equal(shown[:, 0], noisy[:, 0])
    assert not torch.allclose(shown[:, 1:], noisy[:, 1:])
    assert all((s[:, 0] == GIVEN_LEVEL).all() and (s[:, 1:] > GIVEN_LEVEL).all() for s in seen)


def test_sampling_stops_between_two_steps(model):
    noisy, _ = latents()
    with pytest.raises(Cancelled):
        sample(
            model, random_told(), given=noisy, is_given=torch.zeros(3, dtype=torch.bool), seed=0, stopped=lambda: True
        )


def test_without_a_seed_no_noise_is_in_the_sample():
    given, _ = latents()
    none = torch.zeros(FRAMES, dtype=torch.bool)
    frames = {
        seed: sample(lambda x, s, told: 0.5 * x, random_told(), given=given, is_given=none, seed=seed)
        for seed in (None, 0, 1)
    }
    assert not frames[None].any(), "what comes of it is the model's alone"
    assert frames[0].std() > 0.1 and not torch.equal(frames[0], frames[1])


def test_training_stands_where_the_sampler_stands_in_most_clips():
    """Regression: the sampler's first step is taken from pure noise, and training all but never was there."""
    stood = []
    noisy, _ = latents()
    sample(
        lambda x, s, told: stood.append(float(s[0, -1])) or x,
        random_told(),
        given=noisy,
        is_given=torch.zeros(FRAMES, dtype=torch.bool),
        seed=0,
    )
    assert stood[0] == 1
    levels = random_levels(2000, 4, generator=torch.Generator().manual_seed(0))
    at_stations = sum((levels == level).all(1).float().mean() for level in stood)
    assert 0.7 < at_stations < 0.8


def test_levels_are_shared_by_half_of_the_other_clips():
    levels = random_levels(2000, 4, generator=torch.Generator().manual_seed(0), sampler_share=0)
    assert ((levels > 0) & (levels < 1)).all()
    together = (levels == levels[:, :1]).all(1).float().mean()
    assert 0.45 < together < 0.55
    assert levels.median() > 0.6, "the shift puts more of them high"


def test_words_are_known_or_named():
    ids = word_ids(["A red cube, please!", ""])
    assert ids.shape == (2, MAX_WORDS) and (ids[0] > 0).sum() == 3 and (ids[1] == 0).all()
    assert torch.equal(ids[:1, :3], word_ids(["a RED box"])[:, :3])
    assert unknown_words("a giraffe rolls in, a giraffe!") == ["giraffe"]
