"""What training step k sees: a function of the seed and k alone, so that a resumed run is the same run."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.training_objective import draw_noise, weigh_by_snr
from kolors_dagster.specs import FilledRecipe


class StepBatch(NamedTuple):
    """The inputs and the target of one step, on the CPU in fp32 (embeddings in the cache's precision)."""

    noisy_latents: Tensor
    noise: Tensor
    timesteps: Tensor
    hidden_states: Tensor
    pooled: Tensor
    weights: Tensor
    """Each sample's weight in the loss."""

    def rows(self, chosen: slice) -> "StepBatch":
        """Return some of the samples."""
        return StepBatch(*(tensor[chosen] for tensor in self))


class TrainingSteps:
    """The batches of a recipe's steps from `first` on, one after the other.

    The images go round in a new order every epoch. A batch larger than what is left of an epoch goes on in
    the next, so every batch is full, even if it is larger than the whole data set. Of each batch only `rows`
    are handed out, where other processes train on the rest.
    """

    def __init__(
        self,
        samples: CachedSamples,
        schedule: NoiseSchedule,
        recipe: FilledRecipe,
        first: int = 0,
        rows: slice = slice(None),
    ) -> None:
        self._samples = samples
        self._schedule = schedule
        self._recipe = recipe
        self._batch_size = recipe.batch_size * recipe.gradient_accumulation
        self._seed = recipe.seed
        self._steps = range(first, recipe.steps)
        self._rows = rows
        self._epoch = -1
        self._order: list[int] = []

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[StepBatch]:
        for step in self._steps:
            yield self.make_batch(step).rows(self._rows)

    def make_batch(self, step: int) -> StepBatch:
        """Return the batch of `step`: latents drawn from their posteriors, noise, timesteps, embeddings."""
        start = step * self._batch_size
        chosen = [self._samples[self._image_at(start + offset)] for offset in range(self._batch_size)]
        generator = make_generator(self._seed, "step", step)
        mean = torch.stack([sample.mean for sample in chosen])
        std = torch.stack([sample.std for sample in chosen])
        latents = mean + std * torch.randn(mean.shape, generator=generator)
        noise = draw_noise(mean, self._recipe.noise_offset, generator)
        timesteps = torch.randint(self._schedule.timesteps, (self._batch_size,), generator=generator)
        return StepBatch(
            noisy_latents=self._schedule.add_noise(latents, noise, timesteps),
            noise=noise,
            timesteps=timesteps,
            hidden_states=torch.stack([sample.hidden_states for sample in chosen]),
            pooled=torch.stack([sample.pooled for sample in chosen]),
            weights=weigh_by_snr(self._schedule, timesteps, self._recipe.snr_gamma),
        )

    def _image_at(self, position: int) -> int:
        epoch, place = divmod(position, len(self._samples))
        if epoch != self._epoch:
            generator = make_generator(self._seed, "order", epoch)
            self._epoch = epoch
            self._order = torch.randperm(len(self._samples), generator=generator).tolist()
        return self._order[place]


def make_generator(seed: int, purpose: str, number: int) -> Generator:
    """Return a generator of its own for each purpose and number, independent of PyTorch's global state."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
