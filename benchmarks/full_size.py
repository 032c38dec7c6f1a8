"""Measure the GPU path at full size, with random weights, beside diffusers and a plain training loop.

    python -m benchmarks.full_size --work /scratch/kolors

Needs a GPU with 40 GiB or more, 25 GB of disk and about ten minutes. Prints one JSON line per measurement;
`--only` chooses parts: training, drawing, precision, peers, cold.
"""

import argparse
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks import full_size_drawing as drawing
from benchmarks import full_size_peers as peers
from benchmarks.full_size_model import write_full_size_model
from benchmarks.gpu import CUDA, free, peak_gib, timed
from benchmarks.mini_model import report
from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import inject_lora
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_cache import build_training_cache
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster.specs import TrainingRecipe

PARTS = ("training", "drawing", "precision", "peers", "cold")


def write_dataset(folder: Path) -> Path:
    (folder / "train").mkdir(parents=True, exist_ok=True)
    rows = ["file_name,text"]
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((1100, 1024), Image.Resampling.BICUBIC)
        image.save(folder / "train" / f"{number}.jpg", quality=95)
        rows.append(f"{number}.jpg,二次元，第{number}张")
    (folder / "train" / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return folder


def measure_training(model: BaseModel, work: Path, steps: int) -> None:
    """Cache, train twice and compare the bytes, train with a batch of 4, and beside them the plain loop."""
    cache, output = work / "cache", work / "lora"
    recipe = TrainingRecipe(steps=steps)
    cached = build_training_cache(write_dataset(work / "dataset"), model, recipe, cache, CUDA)
    report("training cache", **asdict(cached) | {"sizes": len(cached.sizes)})
    hashes = []
    for name, tried in (
        ("first", recipe),
        ("again", recipe),
        ("batch 4", TrainingRecipe(steps=20, batch_size=4)),
    ):
        free()
        folder = output if name != "batch 4" else work / "lora-4"
        trained = train_lora(
            cache, model, tried, folder, work / "checkpoints", {"trigger_words": "二次元"}, CUDA
        )
        hashes.append(trained.sha256)
        report(f"training, {name}", **asdict(trained))
    report("same inputs, same LoRA", equal=hashes[0] == hashes[1])
    free()
    filled = model.fill_recipe(recipe)
    unet = load_unet(model.folder, CUDA, torch.bfloat16)
    inject_lora(unet, filled.rank, filled.alpha, filled.target_modules, filled.seed)
    starts = {name: weight.data for name, weight in unet.named_parameters() if "lora_A" in name}
    del unet
    free()
    samples, schedule = CachedSamples(cache), load_noise_schedule(model.folder)
    losses, seconds = peers.train(model.folder, filled, starts, TrainingSteps(samples, schedule, filled))
    ours = np.loadtxt(output / "loss.csv", delimiter=",", skiprows=1)[:, 1]
    difference = np.abs(ours - np.array(losses))
    report(
        "training, plain loop of peft and diffusers",
        seconds_per_step=seconds,
        peak_gib=peak_gib(),
        loss_difference={"mean": float(difference.mean()), "most": float(difference.max())},
        losses={"ours": float(ours.mean()), "theirs": float(np.mean(losses))},
    )


def main() -> None:
    """Run every measurement, or those asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("full_size_work"))
    parser.add_argument("--steps", type=int, default=50, help="denoising steps a panel")
    parser.add_argument("--training-steps", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    work, steps, parts = arguments.work, arguments.steps, arguments.only
    os.environ.setdefault("KOLORS_DATA", str(work / "data"))
    folder = work / "kolors"
    if not (folder / "scheduler").exists():
        report("random weights written", seconds=timed(lambda: write_full_size_model(folder))[1])
    model, seconds = timed(lambda: describe_base_model("kolors", folder))
    report("model verified", seconds=seconds, gib=round(sum(model.sizes.values()) / 2**30, 2))
    if "training" in parts:
        measure_training(model, work, arguments.training_steps)
    if "drawing" in parts:
        drawing.measure_drawing(model, work, steps)
    if "precision" in parts or "peers" in parts:
        free()
        text = drawing.encode_texts(model, 8)
        if "peers" in parts:
            drawing.measure_peers(model, text, steps)
        if "precision" in parts:
            drawing.measure_precision(model, text, steps)
    if "cold" in parts:
        free()
        drawing.measure_cold(work)


if __name__ == "__main__":
    main()
