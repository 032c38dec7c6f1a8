from collections import Counter
from pathlib import Path

import numpy as np
import torch

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_noise_schedule
from kolors_dagster.kolors.training_steps import StepBatch, TrainingSteps
from kolors_dagster.specs import TrainingRecipe


def make_steps(
    cache: Path, base_model: BaseModel, batch_size: int = 1, seed: int = 42, first: int = 0, last: int = 20
) -> TrainingSteps:
    schedule = load_noise_schedule(base_model.folder)
    recipe = base_model.fill_recipe(
        TrainingRecipe(batch_size=batch_size, seed=seed, steps=last, prior_preservation=0)
    )
    return TrainingSteps(CachedSamples(cache), schedule, recipe, first)


def same(one: StepBatch, other: StepBatch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_step_depends_on_seed_and_number_alone(cache: Path, base_model: BaseModel) -> None:
    torch.manual_seed(1)
    whole = list(make_steps(cache, base_model))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    resumed = list(make_steps(cache, base_model, first=7))
    assert len(whole) == 20
    assert len(resumed) == len(make_steps(cache, base_model, first=7)) == 13
    assert all(same(a, b) for a, b in zip(whole[7:], resumed, strict=True))
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
    other_seed = make_steps(cache, base_model, seed=43).make_batch(0)
    assert not torch.equal(other_seed.noise, whole[0].noise)
    assert len({batch.noise.sum().item() for batch in whole}) == 20


def test_every_epoch_has_every_image_in_a_new_order(cache: Path, base_model: BaseModel) -> None:
    samples = CachedSamples(cache)
    steps = make_steps(cache, base_model)
    seen = []
    for step in range(20):
        batch = steps.make_batch(step)
        latents = recover_latents(batch)
        distances = [(latents[0] - samples[image].mean).abs().mean().item() for image in range(5)]
        seen.append(int(np.argmin(distances)))
    epochs = [tuple(seen[start : start + 5]) for start in range(0, 20, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len(set(epochs)) > 1


def test_a_batch_larger_than_the_data_set_is_full(cache: Path, base_model: BaseModel) -> None:
    steps = make_steps(cache, base_model, batch_size=12)
    batch = steps.make_batch(1)  # positions 12 to 23: the end of epoch 2, all of 3, most of 4
    assert batch.noisy_latents.shape == (12, 4, 8, 8)
    assert batch.hidden_states.shape[:2] == (12, 64)
    singly = make_steps(cache, base_model)
    positions = [singly._order.images_of(position)[0] for position in range(12, 24)]
    samples = CachedSamples(cache)
    assert torch.equal(batch.pooled, torch.stack([samples[image].pooled for image in positions]))
    assert len(set(batch.timesteps.tolist())) > 6


def test_a_batch_is_of_one_size_and_conditioned_on_it(bucket_cache: Path, base_model: BaseModel) -> None:
    samples = CachedSamples(bucket_cache)
    seen: Counter[bytes] = Counter()
    for batch in make_steps(bucket_cache, base_model, batch_size=2, last=30):
        height, width = (8 * side for side in batch.noisy_latents.shape[2:])
        assert batch.noise.shape == batch.noisy_latents.shape == (2, 4, height // 8, width // 8)
        assert batch.time_ids.tolist() == [[height, width, 0, 0, height, width]] * 2
        of_size = [samples[image] for image in range(5) if samples.sizes[image] == (width, height)]
        means = torch.stack([sample.mean for sample in of_size])
        for latents, pooled in zip(recover_latents(batch), batch.pooled, strict=True):
            chosen = of_size[int((latents - means).abs().mean((1, 2, 3)).argmin())]
            assert torch.equal(pooled, chosen.pooled)
            seen[chosen.mean.numpy().tobytes()] += 1
    assert seen.total() == 60
    assert set(seen.values()) == {
        12
    }  # of each of the five, for 30 batches are twelve epochs of two and a half
    assert all(len(tensor) == 1 for tensor in batch.rows(slice(1, 2)))


def test_noise_is_added_by_kolors_schedule(cache: Path, base_model: BaseModel) -> None:
    samples = CachedSamples(cache)
    batches = list(make_steps(cache, base_model, batch_size=5, last=60))
    timesteps = torch.cat([batch.timesteps for batch in batches])
    assert timesteps.min() < 100
    assert 1000 < timesteps.max() < 1100
    # What remains after the noise is taken out again is a draw from an image's posterior.
    mean = torch.stack([samples[image].mean for image in range(5)])
    std = torch.stack([samples[image].std for image in range(5)])
    draws = []
    for batch in batches:
        low = batch.timesteps < 500  # recovering from more noise amplifies rounding
        for latent in recover_latents(batch)[low]:
            image = int((latent - mean).abs().mean((1, 2, 3)).argmin())
            draws.append((latent - mean[image]) / std[image])
    values = torch.stack(draws)
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02


def recover_latents(batch: StepBatch) -> torch.Tensor:
    """Take the noise out again, by the schedule written out here from Kolors' numbers."""
    betas = np.linspace(0.00085**0.5, 0.014**0.5, 1100) ** 2
    kept = np.cumprod(1 - betas)[batch.timesteps.numpy()]
    kept_ = torch.from_numpy(kept)[:, None, None, None]
    return ((batch.noisy_latents - (1 - kept_).sqrt() * batch.noise) / kept_.sqrt()).float()
