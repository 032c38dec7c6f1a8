import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_file
from kolors_dagster.kolors import base_model
from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.mini.config import TRAINING
from kolors_dagster.specs import TrainingRecipe


@pytest.fixture
def folder(mini_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path / "data"))
    shutil.copytree(mini_folder, tmp_path / "data" / "models" / "mini")
    return tmp_path / "data" / "models" / "mini"


def test_describes_kolors_mini(folder: Path) -> None:
    model = describe_base_model("kolors-mini", folder)
    assert (model.default_size, model.default_steps, model.early_guidance_scale) == (256, 20, 2.0)
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert model.files[weights] == hash_file(folder / weights)
    assert model.sizes[weights] == (folder / weights).stat().st_size
    assert "tokenizer/tokenizer.model" in model.files and "scheduler/scheduler_config.json" in model.files


def test_real_kolors_draws_in_fifty_steps_and_is_trained_as_in_the_notebook(folder: Path) -> None:
    (folder / "model_index.json").unlink()
    model = describe_base_model("kolors", folder)
    assert model.default_steps == 50 and model.early_guidance_scale is None
    recipe = model.fill_recipe(TrainingRecipe())
    assert (recipe.learning_rate, recipe.alpha, recipe.snr_gamma) == (1e-4, 4.0, 0)
    assert recipe.prior_preservation == 0
    assert recipe.target_modules == ["to_q", "to_k", "to_v", "to_out.0"]


def test_a_recipe_is_filled_where_it_is_empty_and_nowhere_else(folder: Path) -> None:
    model = describe_base_model("kolors-mini", folder)
    filled = model.fill_recipe(TrainingRecipe(steps=7))
    assert {name: getattr(filled, name) for name in TRAINING} == TRAINING | {"steps": 7}
    assert (filled.resolution, filled.steps, filled.crop) == (256, 7, "center")
    said = TrainingRecipe(
        learning_rate=2e-5,
        alpha=1.5,
        snr_gamma=0,
        noise_offset=0,
        prior_preservation=0,
        steps=3,
        batch_size=5,
        warmup_steps=1,
        decay="linear",
        target_modules=["to_q"],
        resolution=64,
        crop="buckets",
    )
    assert model.fill_recipe(said).model_dump() == said.model_dump()


def test_the_version_is_of_the_contents_alone(folder: Path, tmp_path: Path) -> None:
    before = describe_base_model("one", folder)
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert describe_base_model("two", tmp_path / "elsewhere").version == before.version
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("0.014", "0.012"))
    assert describe_base_model("one", folder).version != before.version


def test_goes_through_json(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = describe_base_model("kolors-mini", folder)
    value = json.loads(json.dumps(model.to_json()))
    assert value["folder"] == "models/mini"
    assert BaseModel.from_json(value) == model
    assert BaseModel.from_json(value, Path("/other")).folder == Path("/other/models/mini")
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path / "moved"))
    assert BaseModel.from_json(model.to_json()).folder == folder


def test_a_file_is_read_again_only_when_it_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = base_model._hash_file
    monkeypatch.setattr(
        base_model, "_hash_file", lambda path, bar: read.append(path.name) or original(path, bar)
    )
    first = describe_base_model("kolors-mini", folder)
    assert len(read) == len(first.files)
    read.clear()
    assert describe_base_model("kolors-mini", folder) == first
    assert read == []
    config = folder / "vae" / "config.json"
    os.utime(config, ns=(0, 0))
    assert describe_base_model("kolors-mini", folder) == first
    assert read == ["config.json"]


def test_every_truncated_file_is_listed(kwai_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(kwai_folder, tmp_path / "model")
    cut = ["unet/diffusion_pytorch_model.fp16.safetensors", "text_encoder/pytorch_model-00003-of-00003.bin"]
    for name in cut:
        data = (tmp_path / "model" / name).read_bytes()
        (tmp_path / "model" / name).write_bytes(data[: len(data) // 2])
    (tmp_path / "model" / "text_encoder" / "tokenizer.model").write_bytes(b"")
    with pytest.raises(UserError) as error:
        describe_base_model("kolors", tmp_path / "model")
    for name in [*cut, "text_encoder/tokenizer.model"]:
        assert name in error.value.problem
    assert "download" in error.value.fix


@pytest.mark.parametrize("data", [b"", b"\xff" * 64, b"\x02" + bytes(7) + b"[]"])
def test_a_file_that_is_no_safetensors_is_named(folder: Path, data: bytes) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(data)
    with pytest.raises(UserError, match=r"vae/diffusion_pytorch_model.safetensors"):
        describe_base_model("kolors-mini", folder)


def test_another_kind_of_model_is_refused(folder: Path) -> None:
    config = json.loads((folder / "unet" / "config.json").read_text())
    del config["encoder_hid_dim"]
    (folder / "unet" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="not a Kolors UNet"):
        describe_base_model("sdxl", folder)


def test_definitions_can_import_it_without_torch() -> None:
    modules = ["base_model", "layout", "request", "download"]
    program = "import sys; " + "".join(f"import kolors_dagster.kolors.{name}; " for name in modules)
    heavy = "{'torch', 'modelscope', 'diffusers', 'diffsynth', 'transformers', 'numpy'}"
    loaded = subprocess.run(
        [sys.executable, "-c", program + f"print(sorted({heavy} & sys.modules.keys()))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "[]"
