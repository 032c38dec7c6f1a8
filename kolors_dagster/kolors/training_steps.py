"""What training step k sees: a function of the seed and k alone, so that a resumed run is the same run."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from kolors_dagster.kolors.batch_order import BatchOrder, make_generator
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.prior_preservation import (
    PRESERVED_WEIGHT,
    bring_to_much_noise,
    find_preserved_rows,
)
from kolors_dagster.kolors.training_objective import draw_noise, weigh_by_snr
from kolors_dagster.kolors.unet import make_time_ids
from kolors_dagster.specs import FilledRecipe


class StepBatch(NamedTuple):
    """The inputs and the target of one step, on the CPU in fp32 (embeddings in the cache's precision)."""

    noisy_latents: Tensor
    noise: Tensor
    """What is to be predicted; in a preserved row, what the bare model predicts has part in it."""
    timesteps: Tensor
    hidden_states: Tensor
    """Folded: see `text_padding`."""
    pooled: Tensor
    time_ids: Tensor
    """SDXL's size conditioning (n, 6)."""
    weights: Tensor
    """Each sample's weight in the loss."""

    def rows(self, chosen: slice) -> "StepBatch":
        """Return some of the samples."""
        return StepBatch(*(tensor[chosen] for tensor in self))

    def to(self, device: torch.device) -> "StepBatch":
        """Return the batch on `device`; a GPU takes pinned memory while it works on."""
        return StepBatch(*(tensor.to(device, non_blocking=True) for tensor in self))


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
        self._batch_size = recipe.batch_size * recipe.gradient_accumulation
        self._order = BatchOrder(samples.sizes, self._batch_size, recipe.seed)
        self._steps = range(first, recipe.steps)
        self._rows = rows
        self._bare_predictions: dict[tuple[int, int], Tensor] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[StepBatch]:
        for step in self._steps:
            yield self.make_batch(step).rows(self._rows)

    @torch.no_grad()
    def keep_predictions(self, predict: Callable[[StepBatch], Tensor]) -> None:
        """Let the preserved rows learn what `predict` now makes of them, as far as the recipe says.

        Once for all steps, a row at a time, before the LoRA has changed anything. Recipes without prior
        preservation have no such rows.
        """
        handed_out = range(self._batch_size)[self._rows]
        due = [(step, row) for step in self._steps for row in self._preserved(step) if row in handed_out]
        interval = 0.5 if sys.stderr.isatty() else 10
        for step, row in tqdm(
            due, "predict without prompt", unit="row", mininterval=interval, disable=not due
        ):
            batch = self.make_batch(step).rows(slice(row, row + 1))
            self._bare_predictions[step, row] = predict(batch)[0].float().cpu()

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
        texts = [(sample.hidden_states, sample.pooled) for sample in chosen]
        preserved = self._preserved(step)
        for row, text in preserved.items():
            timesteps[row] = bring_to_much_noise(timesteps[row], self._schedule.timesteps)
            texts[row] = self._samples.read_text(text)
        noisy_latents = self._schedule.add_noise(latents, noise, timesteps)
        weights = weigh_by_snr(self._schedule, timesteps, self._recipe.snr_gamma)
        for row in preserved:
            weights[row] *= PRESERVED_WEIGHT
            if (step, row) in self._bare_predictions:
                bare = self._bare_predictions[step, row]
                noise[row] = torch.lerp(noise[row], bare, self._recipe.prior_preservation)
        hidden_states, pooled = (torch.stack(embeddings) for embeddings in zip(*texts, strict=True))
        return StepBatch(
            noisy_latents=noisy_latents,
            noise=noise,
            timesteps=timesteps,
            hidden_states=hidden_states,
            pooled=pooled,
            time_ids=make_time_ids(height, width, len(chosen), mean.device, torch.float32).contiguous(),
            weights=weights,
        )

    def _preserved(self, step: int) -> dict[int, str]:
        rows = find_preserved_rows(step, self._batch_size) if self._recipe.prior_preservation else ()
        return dict(rows)
