import json
import shutil
from pathlib import Path

import pytest

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.layout import FP16_FIX_FOLDER, find_layout


@pytest.fixture
def folder(mini_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(mini_folder, tmp_path / "model")
    return tmp_path / "model"


def test_finds_the_parts_of_both_layouts(mini_folder: Path, kwai_folder: Path) -> None:
    diffusers, kwai = find_layout(mini_folder), find_layout(kwai_folder)
    assert [path.name for path in diffusers.text_encoder.weights] == ["model.safetensors"]
    assert [path.name for path in kwai.text_encoder.weights] == [
        f"pytorch_model-0000{n}-of-00003.bin" for n in (1, 2, 3)
    ]
    assert diffusers.tokenizer == mini_folder / "tokenizer" / "tokenizer.model"
    assert kwai.tokenizer == kwai_folder / "text_encoder" / "tokenizer.model"
    assert [path.name for path in kwai.unet.weights] == ["diffusion_pytorch_model.fp16.safetensors"]
    assert not any(path.suffix == ".py" for path in kwai.files())


def test_lists_everything_that_is_missing(folder: Path) -> None:
    shutil.rmtree(folder / "unet")
    (folder / "vae" / "config.json").unlink()
    (folder / "tokenizer" / "tokenizer.model").unlink()
    with pytest.raises(UserError) as error:
        find_layout(folder)
    for name in ("unet/diffusion_pytorch_model", "unet/config.json", "vae/config.json", "tokenizer.model"):
        assert name in error.value.problem


def test_a_shard_that_the_index_names_must_be_there(kwai_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(kwai_folder, tmp_path / "model")
    (tmp_path / "model" / "text_encoder" / "pytorch_model-00002-of-00003.bin").unlink()
    with pytest.raises(UserError, match=r"text_encoder/pytorch_model-00002-of-00003.bin"):
        find_layout(tmp_path / "model")


@pytest.mark.parametrize("index", ["model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json"])
def test_prefers_the_fp16_variant(folder: Path, index: str) -> None:
    encoder = folder / "text_encoder"
    (encoder / "model.fp16-00001-of-00001.safetensors").write_bytes(
        (encoder / "model.safetensors").read_bytes()
    )
    weight_map = {"weight_map": {"embedding": "model.fp16-00001-of-00001.safetensors"}}
    (encoder / index).write_text(json.dumps(weight_map))
    component = find_layout(folder).text_encoder
    assert component.index == encoder / index
    assert [path.name for path in component.weights] == ["model.fp16-00001-of-00001.safetensors"]


def test_an_index_cannot_point_outside(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    index = {"weight_map": {"a": "../vae/diffusion_pytorch_model.safetensors"}}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="outside its own folder"):
        find_layout(folder)


def test_the_fp16_vae_is_found_when_there(folder: Path) -> None:
    assert find_layout(folder).fp16_fix is None
    shutil.copytree(folder / "vae", folder / FP16_FIX_FOLDER)
    layout = find_layout(folder)
    assert layout.fp16_fix is not None
    assert folder / FP16_FIX_FOLDER / "config.json" in layout.files()


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_a_broken_index_is_named(folder: Path, text: str) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(text)
    with pytest.raises(UserError, match=r"safetensors.index.json"):
        find_layout(folder)
