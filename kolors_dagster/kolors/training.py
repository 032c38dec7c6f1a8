"""Train a LoRA on the Kolors UNet from a training cache, with nothing but the UNet in memory."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import torch

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_folder
from kolors_dagster.hashing import hash_file, hash_json
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.device import make_repeatable
from kolors_dagster.kolors.device_memory import free_memory, limit_memory, release_memory
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import inject_lora, save_lora
from kolors_dagster.kolors.lora_effect import measure_lora_effect, refuse_useless_lora
from kolors_dagster.kolors.lora_training import LoraTraining
from kolors_dagster.kolors.memory_plan import PartSizes, choose_memory_plan
from kolors_dagster.kolors.peak_memory import PeakMemory
from kolors_dagster.kolors.process_group import run_in_group
from kolors_dagster.kolors.training_checkpoint import load_newest_checkpoint, remove_checkpoints
from kolors_dagster.kolors.training_loop import fit
from kolors_dagster.kolors.training_precision import choose_training_dtype
from kolors_dagster.kolors.training_record import TrainingReport
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster.kolors.validation import Validation
from kolors_dagster.specs import FilledRecipe, TrainingRecipe

# Raise it when a change makes the same inputs give another LoRA: old checkpoints are then not resumed from.
_TRAINING_VERSION = 7


def train_lora(
    cache: Path,
    base_model: BaseModel,
    recipe: TrainingRecipe,
    output: Path,
    checkpoints: Path,
    metadata: dict[str, str],
    device: torch.device,
    memory_gib: float | None = None,
    devices: int = 1,
) -> TrainingReport:
    """Train a LoRA and write `lora.safetensors` and `loss.csv` (`step,loss`) to the folder `output`.

    With a validation prompt, what was drawn of it while training is beside them (see `Validation.write`).
    Same inputs give the same bytes on the same machine, also after a kill: a later call with the same inputs
    goes on from the newest whole file in `checkpoints`, and removes what is there once `output` is written.
    What the recipe leaves empty is the base model's own, and recorded as such. `metadata` (style, trigger
    words, …) goes into the file's header, beside the recipe, the base model and the data set's version. If an
    error ends the training, the previous `output` stays. Where memory is short, or no more than `memory_gib`
    of the GPU's may be used, gradients are checkpointed, which changes no bit of the LoRA.

    With `devices` above 1, as many GPUs (on the CPU: processes) share each step's batch equally, as far as it
    can be divided: a batch of one needs one device. A step learns from the very batch that one device would
    learn from, so the LoRA is the same but for rounding, and a checkpoint fits any number of devices.
    Raises UserError for a cache of another base model, resolution or crop, and for a loss that is not finite;
    UselessLora for a LoRA that comes out without effect.
    """
    start = time.perf_counter()
    filled = base_model.fill_recipe(recipe)
    _check_cache(CachedSamples(cache), cache, base_model, filled)
    batch_size = filled.batch_size * filled.gradient_accumulation
    processes = max(count for count in range(1, devices + 1) if batch_size % count == 0)
    arguments = (cache, base_model, filled, output, checkpoints, metadata, device, memory_gib)
    report = (
        _train(0, 1, *arguments) if processes == 1 else run_in_group(_train, arguments, processes, device)
    )
    assert report is not None, "the first process reports"
    return replace(report, seconds=time.perf_counter() - start)


def _train(
    rank: int,
    processes: int,
    cache: Path,
    base_model: BaseModel,
    recipe: FilledRecipe,
    output: Path,
    checkpoints: Path,
    metadata: dict[str, str],
    device: torch.device,
    memory_gib: float | None,
) -> TrainingReport | None:
    """Train on the part of each batch that is for process `rank`; the first one writes and reports."""
    start = time.perf_counter()
    if processes > 1 and device.type == "cuda":
        device = torch.device("cuda", rank)
    samples = CachedSamples(cache)
    batch_size = recipe.batch_size * recipe.gradient_accumulation
    rows = slice(batch_size * rank // processes, batch_size * (rank + 1) // processes)
    dtype = choose_training_dtype(device, recipe.precision)
    learnt = recipe.learnt()
    key = hash_json(
        [_TRAINING_VERSION, samples.data_version, learnt, str(dtype), device.type, torch.__version__]
    )
    make_repeatable()
    limit_memory(device, memory_gib)
    sizes = PartSizes.of(base_model.sizes, dtype.itemsize)
    plan = choose_memory_plan(free_memory(device), sizes, recipe.resolution)
    validation = None
    if recipe.validation_prompt and rank == 0:
        validation = Validation(base_model, recipe, metadata["trigger_words"], device, dtype)
    with PeakMemory(device) as peak:
        unet = load_unet(base_model.folder, device, dtype)
        inject_lora(unet, recipe.rank, recipe.alpha, recipe.target_modules, recipe.seed, dora=recipe.dora)
        training = LoraTraining(unet, recipe, gradient_checkpointing=plan.checkpoint_gradients)
        checkpoint = load_newest_checkpoint(checkpoints, key)
        first = checkpoint.step if checkpoint else 0
        steps = TrainingSteps(samples, load_noise_schedule(base_model.folder), recipe, first, rows)
        steps.keep_predictions(lambda batch: training.predict(batch.to(device)))
        if checkpoint is not None:
            training.restore(checkpoint)
            if validation:
                validation.restore(checkpoint.tensors)
        seconds_per_step = fit(training, steps, device, checkpoints, key, validation, leads=rank == 0)
        if rank:
            return None
        training.take_average()
        effect = measure_lora_effect(
            unet, training.lora.weights.values(), samples[0], samples.resolution, device
        )
    refuse_useless_lora(effect, recipe.learning_rate)
    if validation:
        validation.draw(unet, recipe.steps)
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
        table = [f"{step},{loss:.9g}\n" for step, loss in enumerate(losses, 1)]
        (folder / "loss.csv").write_text("step,loss\n" + "".join(table), encoding="utf-8")
        if validation:
            del unet, training  # the VAE takes their place
            release_memory(device)
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
        devices=processes,
        seconds=time.perf_counter() - start,
        seconds_per_step=seconds_per_step,
        images_per_second=batch_size / seconds_per_step,
        peak_memory_bytes=peak.bytes,
        effect=effect,
    )


def _check_cache(samples: CachedSamples, cache: Path, base_model: BaseModel, recipe: FilledRecipe) -> None:
    fix = "make the training cache again"
    if samples.base_model_version != base_model.version:
        raise UserError(f"{cache}: was made with another base model than {base_model.name}", fix)
    if samples.resolution != recipe.resolution:
        raise UserError(f"{cache}: holds images of {samples.resolution} pixels, not {recipe.resolution}", fix)
    if samples.crop != recipe.crop:
        raise UserError(f"{cache}: holds images cropped to {samples.crop}, not {recipe.crop}", fix)
