"""What the training tests train: kolors-mini at 64 pixels on five small pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_record import TrainingReport
from kolors_dagster.kolors.training_steps import StepBatch, TrainingSteps
from kolors_dagster.specs import TrainingRecipe

CPU = torch.device("cpu")
RECIPE = TrainingRecipe(
    steps=6,
    rank=2,
    resolution=64,
    checkpoint_every=2,
    learning_rate=1e-3,
    alpha=4.0,
    snr_gamma=0,
    noise_offset=0,
    prior_preservation=0,
    batch_size=1,
    warmup_steps=0,
    decay="constant",
    target_modules=["to_q", "to_k", "to_v", "to_out.0"],
)
METADATA = {"style": "tiny", "trigger_words": "二次元"}
BUCKETS = RECIPE.model_copy(update={"crop": "buckets"})
CAPTIONS = ["二次元，女孩", "二次元，街道", "二次元，女孩", "二次元", "二次元，街道"]
SIZES = [(80, 100), (100, 80), (64, 64), (200, 70), (48, 60)]
IN_BUCKETS = [(64, 96), (96, 64), (64, 64), (96, 64), (64, 96)]  # their widths and heights at 64 pixels


def write_dataset(folder: Path, captions: list[str] = CAPTIONS) -> Path:
    train = folder / "train"
    train.mkdir(parents=True)
    rows = ["file_name,text"]
    random = np.random.default_rng(0)
    for number, (size, caption) in enumerate(zip(SIZES, captions, strict=True)):
        noise = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize(size).save(train / f"{number}.jpg", quality=95)
        rows.append(f'{number}.jpg,"{caption}"')
    (train / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return folder


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def train(cache: Path, base_model: BaseModel, folder: Path, **changes: Any) -> TrainingReport:
    recipe = TrainingRecipe(**(RECIPE.model_dump() | changes))
    return train_lora(cache, base_model, recipe, folder / "lora", folder / "checkpoints", METADATA, CPU)


def stop_at(step: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise `error` where a training asks for the batch of step number `step`."""
    make_batch = TrainingSteps.make_batch

    def make_or_stop(steps: TrainingSteps, number: int) -> StepBatch:
        if number == step:
            raise error
        return make_batch(steps, number)

    monkeypatch.setattr(TrainingSteps, "make_batch", make_or_stop)
