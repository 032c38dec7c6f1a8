"""Measure LoRAs of kolors-mini; needs the judge of mini_quality.

    python -m benchmarks.mini_lora --work quality anime ink-wash watercolour cyberpunk

Trains the LoRA of each shipped style by its own file's recipe, on the pictures of its embedded source that
pass the default filters, and has the judge say of 100 held-out prompts how many pictures are in the style at
weights 0, ½ and 1, and how many still show what the prompt says. `--lora FILE` judges a LoRA that is there.
Prints one JSON line per measurement; `--recipe` tries another recipe.
"""

import argparse
import csv
import json
import os
from pathlib import Path
from random import Random

import torch
from PIL import Image

from benchmarks.mini_judge import Judge, measure_accuracy, measure_style
from benchmarks.mini_model import draw, make_model, report, sheet
from benchmarks.mini_quality import HELD_OUT_SEED, load_judge
from benchmarks.mini_scenes import held_out_scenes
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.device import choose_device
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_cache import build_training_cache
from kolors_dagster.mini.drawings.caption import write_full_caption
from kolors_dagster.mini.drawings.image_set import draw_style_images
from kolors_dagster.specs import EmbeddedSource, StyleSpec, TrainingRecipe, load_style

WEIGHTS = (0.0, 0.5, 1.0)
_SHORTEST, _LONGEST_ASPECT = 1024, 2.0


def make_dataset(style: StyleSpec, folder: Path) -> Path:
    """Write what the style's pipeline would leave as its processed data set."""
    table = folder / "train" / "metadata.csv"
    source = style.source
    if table.exists() or not isinstance(source, EmbeddedSource):
        return folder
    images = draw_style_images(source.drawing, folder / "train", source.count, source.seed)
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "text"])
        for image in images:
            with Image.open(image.path) as picture:
                width, height = picture.size
            if min(width, height) >= _SHORTEST and max(width, height) / min(width, height) <= _LONGEST_ASPECT:
                rows.writerow([image.path.name, f"{style.trigger_words}，{image.caption}"])
    return folder


def train(style: StyleSpec, recipe: TrainingRecipe, model: BaseModel, work: Path) -> Path:
    """Train the style's LoRA and return its file."""
    device = choose_device("auto")
    dataset = make_dataset(style, work / style.name / "dataset")
    cache, output = work / style.name / "cache", work / style.name / "lora"
    build_training_cache(dataset, model, recipe, cache, device)
    told = train_lora(cache, model, recipe, output, work / style.name / "checkpoints", {}, device)
    report(
        "LoRA training",
        style=style.name,
        learning_rate=recipe.learning_rate,
        alpha=recipe.alpha,
        steps=recipe.steps,
        device=device.type,
        seconds=round(told.seconds, 1),
        milliseconds_per_step=round(1000 * told.seconds_per_step, 1),
        mean_loss=round(told.mean_loss, 4),
    )
    return output / "lora.safetensors"


def judge_lora(
    style: StyleSpec, lora: Path, bundle: KolorsBundle, judge: Judge, count: int, picture: Path
) -> None:
    """Draw with the LoRA at each weight and report style and attributes."""
    scenes = held_out_scenes(count, HELD_OUT_SEED)
    prompts = [
        f"{style.trigger_words}，{write_full_caption(scene, Random(number))}"
        for number, scene in enumerate(scenes)
    ]
    drawing = style.name.replace("-", "_")
    rows = []
    for weight in WEIGHTS:
        pictures = draw(bundle, prompts, 1000, lora=lora, weight=weight)
        rows.append(pictures[:12])
        figures = measure_accuracy(judge, pictures, scenes)
        share = measure_style(judge, pictures, drawing)
        report("LoRA", style=style.name, weight=weight, pictures=count, in_style=share, **figures)
    sheet(torch.cat(rows), min(12, count), picture)


def main() -> None:
    """Train or take LoRAs, draw, and print one JSON line per measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("mini_quality_work"))
    parser.add_argument("--trial", default="lora", help="folder below --work for what is trained and drawn")
    parser.add_argument("--lora", type=Path, help="a LoRA to judge instead of training one (one style)")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--recipe", type=json.loads, default={}, help="JSON: another recipe's fields")
    parser.add_argument("styles", nargs="+")
    arguments = parser.parse_args()
    os.environ.setdefault("KOLORS_DATA", str(arguments.work / "data"))
    work = arguments.work / arguments.trial
    model = make_model(work)
    bundle = KolorsBundle(model, "auto", "auto", arguments.batch)
    judge = load_judge(arguments.work)
    for name in arguments.styles:
        style = load_style(Path("data/styles") / f"{name}.yaml")
        recipe = style.training.model_copy(update=arguments.recipe)
        lora = arguments.lora or train(style, recipe, model, work)
        judge_lora(style, lora, bundle, judge, arguments.count, work / f"{name}.jpg")


if __name__ == "__main__":
    main()
