"""kolors-mini for the tests of the model, and diffusers' own pipeline on the same files as the oracle."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kolors_dagster.kolors import loading
from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.lora import inject_lora, save_lora
from kolors_dagster.kolors.text import TextEncoder
from kolors_dagster.kolors.training_cache import build_training_cache
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.kolors.vae import VAE
from kolors_dagster.mini.build import build_mini
from kolors_dagster_tests.kolors.kwai_layout import write_kwai_layout
from kolors_dagster_tests.kolors.training_parts import BUCKETS, RECIPE, train, write_dataset

CPU = torch.device("cpu")


@pytest.fixture(scope="session", autouse=True)
def single_thread() -> None:
    """Many small operations are slower on many threads, much slower where tests share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mini_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """kolors-mini in the `Kolors-diffusers` layout."""
    folder = tmp_path_factory.mktemp("models") / "mini"
    build_mini(folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def kwai_folder(mini_folder: Path) -> Path:
    """The same model in the `Kwai-Kolors/Kolors` layout."""
    folder = mini_folder.parent / "kwai"
    write_kwai_layout(mini_folder, folder)
    return folder


@pytest.fixture(scope="session")
def oracle(mini_folder: Path) -> Any:
    """Diffusers' KolorsPipeline, fp32."""
    from diffusers import KolorsPipeline

    pipeline = KolorsPipeline.from_pretrained(mini_folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="session")
def text_encoder(mini_folder: Path) -> TextEncoder:
    return loading.load_text_encoder(mini_folder, CPU, torch.float32)


@pytest.fixture(scope="session")
def vae(mini_folder: Path) -> VAE:
    return loading.load_vae(mini_folder, CPU, torch.float32)


@pytest.fixture
def unet(mini_folder: Path) -> KolorsUNet:
    return loading.load_unet(mini_folder, CPU, torch.float32)


# Linear layers and every kind of convolution: 3 × 3, 1 × 1, the one between two sizes, first and last.
LORA_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "conv1", "conv_shortcut", "conv_in", "conv_out", "conv"]


@pytest.fixture(scope="session")
def lora_file(mini_folder: Path) -> Path:
    """A LoRA that changes the picture plainly; alpha is not the rank, so that forgetting it shows."""
    unet = loading.load_unet(mini_folder, CPU, torch.float32)
    generator = torch.Generator().manual_seed(7)
    for parameter in inject_lora(unet, 4, 6.0, LORA_TARGETS, seed=3):
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    path = mini_folder.parent / "lora.safetensors"
    save_lora(unet, path, {"style": "二次元", "steps": "3"})
    return path


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Embeddings and the like go into a folder of the test's own."""
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory, mini_folder: Path) -> BaseModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOLORS_DATA", str(tmp_path_factory.mktemp("data")))
        return describe_base_model("kolors-mini", mini_folder)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory, base_model: BaseModel, dataset: Path) -> Path:
    folder = tmp_path_factory.mktemp("cache") / "tiny"
    build_training_cache(dataset, base_model, RECIPE, folder, CPU)
    return folder


@pytest.fixture(scope="session")
def bucket_cache(tmp_path_factory: pytest.TempPathFactory, base_model: BaseModel, dataset: Path) -> Path:
    """The same pictures in buckets: two portraits, two landscapes, one square."""
    folder = tmp_path_factory.mktemp("buckets") / "tiny"
    build_training_cache(dataset, base_model, BUCKETS, folder, CPU)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, cache: Path, base_model: BaseModel) -> Path:
    """What the training of `RECIPE` makes of `cache`."""
    folder = tmp_path_factory.mktemp("trained")
    train(cache, base_model, folder)
    return folder / "lora"


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).detach().norm() / theirs.detach().norm())
