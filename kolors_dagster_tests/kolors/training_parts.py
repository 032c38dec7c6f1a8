"""What the training tests train: kolors-mini at 64 pixels on five small pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.training_cache import build_training_cache
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
    batch_size=1,
    warmup_steps=0,
    decay="constant",
    target_modules=["to_q", "to_k", "to_v", "to_out.0"],
)
BUCKETS = RECIPE.model_copy(update={"crop": "buckets"})
CAPTIONS = ["二次元，女孩", "二次元，街道", "二次元，女孩", "二次元", "二次元，街道"]
SIZES = [(80, 100), (100, 80), (64, 64), (200, 70), (48, 60)]
IN_BUCKETS = [(64, 96), (96, 64), (64, 64), (96, 64), (64, 96)]  # their widths and heights at 64 pixels


@pytest.fixture(name="one_thread", scope="module")
def use_one_thread() -> Iterator[None]:
    """Add up in the same order everywhere, and leave the other processors to others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(name="base_model", scope="session")
def describe_mini(tmp_path_factory: pytest.TempPathFactory, mini_folder: Path) -> BaseModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOLORS_DATA", str(tmp_path_factory.mktemp("data")))
        return describe_base_model("kolors-mini", mini_folder)


@pytest.fixture(name="dataset", scope="session")
def make_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(name="cache", scope="session")
def make_cache(tmp_path_factory: pytest.TempPathFactory, base_model: BaseModel, dataset: Path) -> Path:
    folder = tmp_path_factory.mktemp("cache") / "tiny"
    build_training_cache(dataset, base_model, RECIPE, folder, CPU)
    return folder


@pytest.fixture(name="bucket_cache", scope="session")
def make_bucket_cache(tmp_path_factory: pytest.TempPathFactory, base_model: BaseModel, dataset: Path) -> Path:
    """The same pictures in buckets: two portraits, two landscapes, one square."""
    folder = tmp_path_factory.mktemp("buckets") / "tiny"
    build_training_cache(dataset, base_model, BUCKETS, folder, CPU)
    return folder


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
