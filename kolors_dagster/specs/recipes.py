"""How to train a LoRA and how to draw with it.

Every default is the course notebook's, where it had one, or left to the base model (`kolors.base_model`).
"""

from typing import Any, Literal

from pydantic import Field

from kolors_dagster.specs.base import Spec

Crop = Literal["buckets", "center"]


class TrainingRecipe(Spec):
    """How a style's LoRA is trained."""

    rank: int = Field(16, ge=1, le=256, description="Rank of the LoRA matrices.")
    alpha: float | None = Field(
        None,
        gt=0,
        description="LoRA alpha, the update is scaled by alpha / rank; empty: the base model's own.",
    )
    learning_rate: float | None = Field(
        None, gt=0, lt=1, description="AdamW's learning rate; empty: the base model's own."
    )
    snr_gamma: float | None = Field(
        None,
        ge=0,
        description="Min-SNR weighting of timesteps (Hang et al., 2023): smaller looks more at colours and "
        "layout, less at detail; 0 weighs all alike; empty: the base model's own.",
    )
    optimizer: Literal["adamw", "adamw8bit"] = Field(
        "adamw", description="AdamW; adamw8bit: with averages of a byte a value, a quarter of the memory."
    )
    steps: int | None = Field(None, ge=1, description="Optimizer steps; empty: the base model's own.")
    batch_size: int | None = Field(
        None, ge=1, description="Images in memory at a time; empty: the base model's own."
    )
    gradient_accumulation: int = Field(
        1, ge=1, description="Batches that one step learns from, one after the other, in the memory of one."
    )
    warmup_steps: int | None = Field(
        None,
        ge=0,
        description="Steps over which the learning rate rises to its value; empty: the base model's own.",
    )
    decay: Literal["constant", "linear", "cosine"] | None = Field(
        None,
        description="How the learning rate goes on: stays, or falls to nothing by the last step; empty: the "
        "base model's own.",
    )
    noise_offset: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Shift of the noise's channels, for darker darks and lighter paper (0.05 is usual); "
        "empty: the base model's own.",
    )
    prior_preservation: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How far what the model does without a prompt stays as it was: guidance then strengthens "
        "the style too (1 much, at the cost of places and of darks; 0 not); empty: the base model's own.",
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Take a moving average of the LoRA (0.99 is usual); empty: its last step.",
    )
    dora: bool = Field(False, description="Learn each row's length apart from its direction (DoRA); slower.")
    resolution: int | None = Field(
        None,
        ge=64,
        multiple_of=8,
        description="Side of the training square in pixels (buckets keep its area); empty: the model's own.",
    )
    crop: Crop | None = Field(
        None,
        description="buckets: images are scaled and cropped to the nearest of a few shapes from 1:2 to 2:1; "
        "center: to the middle square; empty: buckets for your own images, center for embedded drawings.",
    )
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="Arithmetic of the frozen model; auto: fp32 on a CPU, bf16 or fp16 on a GPU."
    )
    seed: int = Field(
        42, ge=0, lt=2**32, description="Seed of the LoRA's start, the order, noise and timesteps."
    )
    target_modules: list[str] | None = Field(
        None,
        min_length=1,
        description="UNet layers that get a LoRA, by the end of their names; empty: the base model's own.",
    )
    checkpoint_every: int = Field(
        100, ge=1, description="Steps between checkpoints a killed run resumes from."
    )
    validation_prompt: str | None = Field(
        None, description="What is drawn while training, always from the same noise; empty: nothing."
    )
    validation_every: int = Field(100, ge=1, description="Steps between two such pictures.")

    def learnt(self) -> dict[str, Any]:
        """Return what the LoRA follows from: the recipe without how its training is saved and watched."""
        return self.model_dump(exclude={"checkpoint_every", "validation_prompt", "validation_every"})


class FilledRecipe(TrainingRecipe):
    """A training recipe in which nothing is left to the base model or to the style."""

    alpha: float = Field(gt=0)
    learning_rate: float = Field(gt=0, lt=1)
    snr_gamma: float = Field(ge=0)
    noise_offset: float = Field(ge=0, le=1)
    prior_preservation: float = Field(ge=0, le=1)
    target_modules: list[str] = Field(min_length=1)
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    warmup_steps: int = Field(ge=0)
    decay: Literal["constant", "linear", "cosine"]
    resolution: int = Field(ge=64, multiple_of=8)
    crop: Crop = Field("center", description="Of a recipe without a style: as in the course notebook.")


class SamplingRecipe(Spec):
    """How a story's panels are drawn."""

    draft: bool = Field(
        False, description="A preview in a third of the steps, in files of its own (1.draft.png, …)."
    )
    guidance_scale: float = Field(
        4.0, ge=1.0, le=30.0, description="Classifier-free guidance; 1 switches it off."
    )
    early_guidance_scale: float | None = Field(
        None,
        ge=1.0,
        le=30.0,
        description="Guidance in the first fifth of the steps, where layout and brightness are decided: less "
        "than later keeps pictures from glaring; empty: the base model's own (Kolors: as later).",
    )
    lora_weight: float = Field(
        1.0, ge=-2.0, le=2.0, description="Strength of the style's LoRA; 0 is the bare model."
    )
    steps: int | None = Field(
        None, ge=1, le=1000, description="Denoising steps; empty: the base model's own."
    )
    width: int | None = Field(
        None, ge=64, multiple_of=8, description="Pixels; empty: the base model's own size."
    )
    height: int | None = Field(
        None, ge=64, multiple_of=8, description="Pixels; empty: the base model's own size."
    )

    def guide_early(self, most: float | None) -> float | None:
        """Return the guidance of the first steps of a model that bears `most` there; None: as later.

        What the recipe says is taken as it is; a model's own is only ever less than the later guidance.
        """
        early = self.early_guidance_scale
        if early is None:
            early = min(most or self.guidance_scale, self.guidance_scale)
        return early if early != self.guidance_scale else None
