"""Train a LoRA on the Kolors UNet from a training cache, with nothing but the UNet in memory."""

import json
import math
import time
from pathlib import Path

import torch

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_folder
from kolors_dagster.hashing import hash_file, hash_json
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.device import free_memory, make_repeatable
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import inject_lora, save_lora
from kolors_dagster.kolors.lora_effect import measure_lora_effect, refuse_useless_lora
from kolors_dagster.kolors.lora_training import LoraTraining
from kolors_dagster.kolors.peak_memory import PeakMemory
from kolors_dagster.kolors.training_checkpoint import load_newest_checkpoint, remove_checkpoints
from kolors_dagster.kolors.training_loop import fit
from kolors_dagster.kolors.training_precision import choose_training_dtype
from kolors_dagster.kolors.training_record import TrainingReport
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster.kolors.validation import Validation
from kolors_dagster.specs import FilledRecipe, TrainingRecipe

# Raise it when a change makes the same inputs give another LoRA: old checkpoints are then not resumed from.
_TRAINING_VERSION = 3


def train_lora(
    cache: Path,
    base_model: BaseModel,
    recipe: TrainingRecipe,
    output: Path,
    checkpoints: Path,
    metadata: dict[str, str],
    device: torch.device,
) -> TrainingReport:
    """Train a LoRA and write `lora.safetensors` and `loss.csv` (`step,loss`) to the folder `output`.

    With a validation prompt, what was drawn of it while training is beside them (see `Validation.write`).
    Same inputs give the same bytes on the same machine, also after a kill: a later call with the same inputs
    goes on from the newest whole file in `checkpoints`, and removes what is there once `output` is written.
    What the recipe leaves empty is the base model's own, and recorded as such. `metadata` (style, trigger
    words, …) goes into the file's header, beside the recipe, the base model and the data set's version. If an
    error ends the training, the previous `output` stays.
    Raises UserError for a cache of another base model or resolution, and for a loss that is not finite;
    UselessLora for a LoRA that comes out without effect.
    """
    start = time.perf_counter()
    filled = base_model.fill_recipe(recipe)
    samples = CachedSamples(cache)
    _check_cache(samples, cache, base_model, filled)
    dtype = choose_training_dtype(device, recipe.precision)
    learnt = filled.learnt()
    key = hash_json(
        [_TRAINING_VERSION, samples.data_version, learnt, str(dtype), device.type, torch.__version__]
    )
    make_repeatable()
    validation = None
    if filled.validation_prompt:
        validation = Validation(base_model, filled, metadata["trigger_words"], device, dtype)
    with PeakMemory(device) as peak:
        unet = load_unet(base_model.folder, device, dtype)
        inject_lora(unet, filled.rank, filled.alpha, filled.target_modules, filled.seed, dora=filled.dora)
        training = LoraTraining(unet, filled)
        checkpoint = load_newest_checkpoint(checkpoints, key)
        if checkpoint is not None:
            training.restore(checkpoint)
            if validation:
                validation.restore(checkpoint.tensors)
        first = training.step
        schedule = load_noise_schedule(base_model.folder)
        steps = TrainingSteps(samples, schedule, filled, first)
        fit_start = time.perf_counter()
        fit(training, steps, device, checkpoints, key, validation)
        drawing = validation.seconds if validation else 0.0
        seconds_per_step = (time.perf_counter() - fit_start - drawing) / len(steps)
        training.take_average()
        effect = measure_lora_effect(unet, training.trained.values(), samples[0], samples.resolution, device)
    refuse_useless_lora(effect, filled.learning_rate)
    if validation:
        validation.draw(unet, filled.steps)
    losses: list[float] = training.losses.tolist()
    with write_whole_folder(output) as folder:
        header = {
            **metadata,
            "recipe": json.dumps(learnt, sort_keys=True),
            "base_model": base_model.name,
            "base_model_version": base_model.version,
            "dataset_version": samples.dataset_version,
            "training_cache_version": samples.data_version,
        }
        save_lora(unet, folder / "lora.safetensors", header)
        rows = [f"{step},{loss:.9g}\n" for step, loss in enumerate(losses, 1)]
        (folder / "loss.csv").write_text("step,loss\n" + "".join(rows), encoding="utf-8")
        if validation:
            del unet, training  # the VAE takes their place
            free_memory(device)
            validation.write(folder)
    remove_checkpoints(checkpoints)
    return TrainingReport(
        sha256=hash_file(output / "lora.safetensors"),
        steps=recipe.steps,
        resumed_from=first,
        first_loss=losses[0],
        last_loss=losses[-1],
        mean_loss=math.fsum(losses) / len(losses),
        trained_parameters=effect.values,
        seconds=time.perf_counter() - start,
        seconds_per_step=seconds_per_step,
        images_per_second=recipe.batch_size * recipe.gradient_accumulation / seconds_per_step,
        peak_memory_bytes=peak.bytes,
        effect=effect,
    )


def _check_cache(samples: CachedSamples, cache: Path, base_model: BaseModel, recipe: FilledRecipe) -> None:
    fix = "make the training cache again"
    if samples.base_model_version != base_model.version:
        raise UserError(f"{cache}: was made with another base model than {base_model.name}", fix)
    if samples.resolution != recipe.resolution:
        raise UserError(f"{cache}: holds images of {samples.resolution} pixels, not {recipe.resolution}", fix)
