"""kolors-mini made ready to draw in numbers, and the pictures put side by side."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.request import DrawRequest
from kolors_dagster.mini.build import build_mini
from kolors_dagster.mini.config import DEFAULT_STEPS
from kolors_dagster.specs import SamplingRecipe

UNWANTED = "低分辨率，画面模糊，五官变形，手指畸形，水印，text"


def make_model(work: Path, seed: int | None = None) -> BaseModel:
    """Build kolors-mini, trained or (with a seed) random, in a folder below `work`."""
    folder = work / ("kolors-mini" if seed is None else "untrained")
    build_mini(folder, seed)
    return describe_base_model(folder.name, folder)


def make_bundle(work: Path, seed: int | None, batch: int) -> KolorsBundle:
    """Build kolors-mini and return it ready to draw."""
    return KolorsBundle(make_model(work, seed), "auto", "auto", batch)


def draw(
    bundle: KolorsBundle,
    prompts: Sequence[str],
    first_seed: int,
    *,
    unwanted: str = UNWANTED,
    size: tuple[int, int] = (256, 256),
    steps: int = DEFAULT_STEPS,
    guidance: float = 4.0,
    lora: Path | None = None,
    weight: float = 1.0,
) -> Tensor:
    """Return the pictures of prompts, each with a seed of its own, bytes (n, height, width, 3).

    The first steps are guided as in stories that say nothing of it.
    """
    recipe = SamplingRecipe(steps=steps, guidance_scale=guidance)
    early = recipe.guide_early(bundle.base_model.early_guidance_scale)
    requests = [
        DrawRequest(number, prompt, unwanted, first_seed + number, *size, steps, guidance, weight, early)
        for number, prompt in enumerate(prompts)
    ]
    drawn = {panel.number: np.asarray(panel.image) for panel in bundle.draw(requests, lora)}
    return torch.from_numpy(np.stack([drawn[number] for number in range(len(prompts))]))


def sheet(pictures: Tensor, columns: int, path: Path) -> None:
    """Write pictures side by side."""
    rows = [
        np.concatenate(list(row.numpy()), axis=1)
        for row in pictures.cpu().split(columns)
        if len(row) == columns
    ]
    Image.fromarray(np.concatenate(rows)).save(path, quality=90)


def report(name: str, **figures: object) -> None:
    """Print a measurement as one JSON line."""
    print(json.dumps({"measurement": name, **figures}, ensure_ascii=False), flush=True)
