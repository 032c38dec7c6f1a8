"""What training step k sees: a function of the seed and k alone, so that a resumed run is the same run."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from kolors_dagster.kolors.batch_order import BatchOrder, make_generator
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.training_objective import draw_noise, weigh_by_snr
from kolors_dagster.kolors.unet import make_time_ids
from kolors_dagster.specs import FilledRecipe


class StepBatch(NamedTuple):
    """The inputs and the target of one step, on the CPU in fp32 (embeddings in the cache's precision)."""

    noisy_latents: Tensor
    noise: Tensor
    timesteps: Tensor
    hidden_states: Tensor
    pooled: Tensor
    time_ids: Tensor
    """SDXL's size conditioning (n, 6)."""
    weights: Tensor
    """Each sample's weight in the loss."""

    def rows(self, chosen: slice) -> "StepBatch":
        """Return some of the samples."""
        return StepBatch(*(tensor[chosen] for tensor in self))


class TrainingSteps:
    """The batches of a recipe's steps from `first` on, one after the other: full, and of images of one size.

    Every picture is conditioned on the size it is trained at, uncropped, just as panels are drawn, and as
    DiffSynth trains: a LoRA learns the style at the very conditioning that will be asked of it. SDXL's own
    recipe (original size and crop) teaches a base model to tell framings apart, for which a style's few
    dozen pictures are no material.

    Of each batch only `rows` are handed out, where other processes train on the rest.
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
        self._order = BatchOrder(samples.sizes, recipe.batch_size * recipe.gradient_accumulation, recipe.seed)
        self._steps = range(first, recipe.steps)
        self._rows = rows

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[StepBatch]:
        for step in self._steps:
            yield self.make_batch(step).rows(self._rows)

    def make_batch(self, step: int) -> StepBatch:
        """Return the batch of `step`: latents drawn from their posteriors, noise, timesteps, embeddings."""
        images = self._order.images_of(step)
        chosen = [self._samples[image] for image in images]
        width, height = self._samples.sizes[images[0]]
        generator = make_generator(self._recipe.seed, "step", step)
        mean = torch.stack([sample.mean for sample in chosen])
        std = torch.stack([sample.std for sample in chosen])
        latents = mean + std * torch.randn(mean.shape, generator=generator)
        noise = draw_noise(mean, self._recipe.noise_offset, generator)
        timesteps = torch.randint(self._schedule.timesteps, (len(chosen),), generator=generator)
        return StepBatch(
            noisy_latents=self._schedule.add_noise(latents, noise, timesteps),
            noise=noise,
            timesteps=timesteps,
            hidden_states=torch.stack([sample.hidden_states for sample in chosen]),
            pooled=torch.stack([sample.pooled for sample in chosen]),
            time_ids=make_time_ids(height, width, len(chosen), mean.device, torch.float32).contiguous(),
            weights=weigh_by_snr(self._schedule, timesteps, self._recipe.snr_gamma),
        )
