"""Training at full size: a hundred steps twice, batches of four, and a loop of peft and diffusers beside."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from benchmarks import full_size_peers as peers
from benchmarks.gpu import CUDA, free, peak_gib
from benchmarks.table import OURS, TRAINING, TRAINING_4, Results
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import inject_lora
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_cache import build_training_cache
from kolors_dagster.kolors.training_record import TrainingReport
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster.specs import TrainingRecipe

PLAIN_LOOP = "loop of peft and diffusers, cached"
_STEPS_OF_FOUR = 20


def measure_training(model: BaseModel, work: Path, steps: int, results: Results) -> None:
    """Cache, train twice and compare the bytes, train with a batch of 4, and beside them the plain loop."""
    recipe = TrainingRecipe(steps=steps)
    of_four = TrainingRecipe(steps=_STEPS_OF_FOUR, batch_size=4)
    cached = build_training_cache(work / "dataset", model, recipe, work / "cache", CUDA)
    results.report("training cache", **asdict(cached) | {"sizes": len(cached.sizes)})
    hashes = [
        _train_ours("first", TRAINING, model, work, work / "lora", recipe, results).sha256,
        _train_ours("again", None, model, work, work / "lora", recipe, results).sha256,
    ]
    results.report("same inputs, same LoRA", equal=hashes[0] == hashes[1])
    _train_ours("batch 4", TRAINING_4, model, work, work / "lora-4", of_four, results)
    losses = _train_plainly(TRAINING, model, work, recipe, results)
    ours = np.loadtxt(work / "lora" / "loss.csv", delimiter=",", skiprows=1)[:, 1]
    difference = np.abs(ours - np.array(losses))
    results.report(
        "training, losses beside the plain loop's",
        difference={"mean": float(difference.mean()), "most": float(difference.max())},
        means={"ours": float(ours.mean()), "theirs": float(np.mean(losses))},
    )
    _train_plainly(TRAINING_4, model, work, of_four, results)


def _train_ours(
    name: str,
    row: str | None,
    model: BaseModel,
    work: Path,
    output: Path,
    recipe: TrainingRecipe,
    results: Results,
) -> TrainingReport:
    """Train from the cache, and make it a row of the table if it is named.

    Seconds to the first step are all that the later steps did not take: writing the LoRA is among them.
    """
    free()
    trained = train_lora(
        work / "cache", model, recipe, output, work / "checkpoints", {"trigger_words": "二次元"}, CUDA
    )
    results.report(f"training, {name}", **asdict(trained))
    if row:
        results.compare(
            row,
            OURS,
            seconds=trained.seconds_per_step,
            peak_gib=trained.peak_memory_bytes / 2**30,
            first_result=trained.seconds - (trained.steps - 1) * trained.seconds_per_step,
        )
    return trained


def _train_plainly(
    row: str, model: BaseModel, work: Path, recipe: TrainingRecipe, results: Results
) -> list[float]:
    """Train as others would from the same cache and the same start; return the losses."""
    free()
    filled = model.fill_recipe(recipe)
    unet = load_unet(model.folder, CUDA, torch.bfloat16)
    inject_lora(unet, filled.rank, filled.alpha, filled.target_modules, filled.seed)
    starts = {name: weight.data for name, weight in unet.named_parameters() if "lora_A" in name}
    del unet
    free()
    steps = TrainingSteps(CachedSamples(work / "cache"), load_noise_schedule(model.folder), filled)
    trained = peers.train(model.folder, filled, starts, steps)
    results.compare(
        row,
        PLAIN_LOOP,
        seconds=trained.seconds_per_step,
        peak_gib=peak_gib(),
        first_result=trained.first_result,
    )
    return trained.losses
