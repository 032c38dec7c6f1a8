import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import KolorsPipeline
from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer
from safetensors.torch import load_file

from kolors_dagster.kolors.base_model import describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.loading import load_unet
from kolors_dagster.kolors.request import DrawRequest
from kolors_dagster.kolors.unet import make_time_ids
from kolors_dagster.mini import train_tokenizer
from kolors_dagster.mini.build import build_mini
from kolors_dagster.mini.config import TOKENIZER_MODEL, WEIGHTS, mini_recipe
from kolors_dagster.mini.training.export import NOT_SHIPPED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mini") / "kolors-mini"
    build_mini(folder)
    return folder


def hash_folder(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_arguments_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(99)
    build_mini(tmp_path / "trained")
    assert hash_folder(tmp_path / "trained") == hash_folder(folder)
    for name in ("random", "again"):
        build_mini(tmp_path / name, seed=0)
    assert hash_folder(tmp_path / "again") == hash_folder(tmp_path / "random")
    build_mini(tmp_path / "other", seed=1)
    changed = {
        name
        for name, digest in hash_folder(tmp_path / "other").items()
        if hash_folder(tmp_path / "random")[name] != digest
    }
    assert {name.split("/")[0] for name in changed} == {"unet", "vae", "text_encoder", ".recipe"}
    assert len({mini_recipe(), mini_recipe(0), mini_recipe(1)}) == 3


def test_every_shipped_tensor_is_in_the_layout(folder: Path) -> None:
    for part in ("text_encoder", "unet", "vae"):
        shipped = load_file(WEIGHTS / f"{part}.safetensors")
        written = load_file(next((folder / part).glob("*.safetensors")))
        assert all(torch.equal(written[name], tensor) for name, tensor in shipped.items())
        assert written.keys() - shipped.keys() <= set(NOT_SHIPPED)
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 45e6


def test_an_untrained_one_draws_something_else(folder: Path, tmp_path: Path) -> None:
    build_mini(tmp_path / "random", seed=0)
    latents, text = torch.zeros(1, 4, 16, 16), torch.zeros(1, 256, 192)
    time_ids = make_time_ids(128, 128, 1, latents.device, torch.float32)
    with torch.no_grad():
        trained, untrained = (
            load_unet(path, torch.device("cpu"), torch.float32)(
                latents, torch.tensor(500), text, text[:, 0], time_ids
            )
            for path in (folder, tmp_path / "random")
        )
    assert not torch.allclose(trained, untrained, atol=0.05)


def test_it_is_small(folder: Path) -> None:
    weights = [tensor for path in folder.rglob("*.safetensors") for tensor in load_file(path).values()]
    assert 15e6 <= sum(tensor.numel() for tensor in weights) <= 22e6
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 45e6
    assert {tensor.dtype for tensor in weights} == {torch.float16}
    assert all(tensor.isfinite().all() for tensor in weights)


def test_diffusers_loads_every_weight_of_it(folder: Path) -> None:
    pipeline: Any = KolorsPipeline.from_pretrained(folder, dtype=torch.float16)
    for part in ("unet", "vae", "text_encoder"):
        loaded = getattr(pipeline, part).state_dict()
        path = next((folder / part).glob("*.safetensors"))
        file = load_file(path)
        assert loaded.keys() == file.keys()
        assert all(torch.equal(loaded[name], tensor) for name, tensor in file.items())
    assert pipeline.scheduler.config.num_train_timesteps == 1100
    assert pipeline.default_sample_size * pipeline.vae_scale_factor == 256
    assert pipeline.config.force_zeros_for_empty_prompt is False


def test_it_stays_finite_in_fp16(folder: Path) -> None:
    unet = load_unet(folder, torch.device("cpu"), torch.float16)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 4, 16, 16, generator=generator).half()
    text = (3 * torch.randn(1, 256, 192, generator=generator)).half()
    time_ids = make_time_ids(128, 128, 1, latents.device, torch.float16)
    for timestep in (1, 550, 1099):
        with torch.no_grad():
            noise = unet(latents, torch.tensor(timestep), text, text[:, 0], time_ids)
        assert noise.isfinite().all() and 0.1 < float(noise.float().std()) < 10


def test_its_pictures_are_not_constant(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path))
    model = describe_base_model("kolors-mini", folder)
    requests = [
        DrawRequest(number, prompt, "text", 1, 128, 128, 4, 4.0, 1.0)
        for number, prompt in ((1, "紫色长发女孩"), (2, "雪山"))
    ]
    first, second = (
        np.asarray(drawn.image).astype(int) for drawn in KolorsBundle(model, "cpu").draw(requests)
    )
    assert first.std() > 20
    assert np.abs(first - second).mean() > 0.1, "the prompt does not matter"


def test_the_committed_tokenizer_is_what_the_script_makes() -> None:
    assert train_tokenizer.train_tokenizer() == TOKENIZER_MODEL.read_bytes()


def test_any_text_goes_through_the_tokenizer() -> None:
    tokenizer = ChatGLMTokenizer(vocab_file=str(TOKENIZER_MODEL))
    text = "二次元，紫发女孩——龘𠮷 a girl! 😀①"
    pieces = tokenizer.tokenizer.encode(text)
    assert tokenizer.tokenizer.decode(pieces) == text
    assert 0 not in pieces, "something was unknown"
    assert tokenizer.get_prefix_tokens() == tokenizer("")["input_ids"]
    known = tokenizer.tokenizer.encode(train_tokenizer.common_characters())
    assert len(known) <= len(train_tokenizer.common_characters()), "a common character fell back to bytes"
    assert len(tokenizer("紫色长发女孩，穿着连衣裙，唱歌")["input_ids"]) == 2 + 8
