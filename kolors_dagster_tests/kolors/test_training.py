import csv
import gc
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.kolors.text_encoder import ChatGLMModel
from safetensors import safe_open
from safetensors.torch import load_file

from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_file
from kolors_dagster.kolors.base_model import DEFAULT_TRAINING, BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.kolors.loading import load_unet
from kolors_dagster.kolors.training_steps import StepBatch, TrainingSteps
from kolors_dagster.specs import TrainingRecipe
from kolors_dagster_tests.kolors.training_parts import CPU, RECIPE, read_folder, train


def test_same_inputs_give_the_same_bytes(
    tmp_path: Path, cache: Path, base_model: BaseModel, trained: Path
) -> None:
    torch.manual_seed(12345)
    report = train(cache, base_model, tmp_path, checkpoint_every=4)
    assert read_folder(tmp_path / "lora") == read_folder(trained)
    assert sorted(read_folder(trained)) == ["lora.safetensors", "loss.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["lora"]
    other = train(cache, base_model, tmp_path, seed=43)
    assert other.data_version != report.data_version == hash_file(trained / "lora.safetensors")


def test_reports_what_it_did(tmp_path: Path, cache: Path, base_model: BaseModel) -> None:
    report = train(cache, base_model, tmp_path, batch_size=7)
    table = (tmp_path / "lora" / "loss.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(table)))
    losses = [float(row["loss"]) for row in rows]
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert (report.first_loss, report.last_loss) == pytest.approx((losses[0], losses[-1]), rel=1e-6)
    assert report.mean_loss == pytest.approx(sum(losses) / 6, rel=1e-6)
    assert (report.steps, report.resumed_from) == (6, 0)
    assert report.images_per_second == pytest.approx(7 / report.seconds_per_step)
    weights = load_file(tmp_path / "lora" / "lora.safetensors")
    assert report.trained_parameters == sum(tensor.numel() for tensor in weights.values())
    assert 2**27 < report.peak_memory_bytes < 2**34


def test_the_header_says_what_it_was_trained_on(trained: Path, cache: Path, base_model: BaseModel) -> None:
    with safe_open(trained / "lora.safetensors", framework="pt") as file:
        header = file.metadata()
    assert header["trigger_words"] == "二次元"
    assert header["base_model"] == "kolors-mini"
    assert header["base_model_version"] == base_model.version
    assert header["dataset_version"] == CachedSamples(cache).dataset_version
    recipe = TrainingRecipe.model_validate_json(header["recipe"])
    assert recipe == RECIPE.model_copy(update={"checkpoint_every": 100, "crop": "center"})
    adapter = json.loads(header["lora_adapter_metadata"])
    assert (adapter["unet.r"], adapter["unet.lora_alpha"]) == (2, 4.0)
    assert str(cache.parent) not in json.dumps(header)


def test_what_the_recipe_leaves_to_the_base_model_is_recorded(
    tmp_path: Path, cache: Path, base_model: BaseModel
) -> None:
    left = dict.fromkeys(base_model.default_training) | {"steps": 1}
    train(cache, base_model, tmp_path, **left)
    with safe_open(tmp_path / "lora" / "lora.safetensors", framework="pt") as file:
        recipe = json.loads(file.metadata()["recipe"])
    assert base_model.default_training != DEFAULT_TRAINING
    own = base_model.default_training | {"steps": 1}
    assert {name: recipe[name] for name in own} == own


def test_learns(tmp_path: Path, cache: Path, base_model: BaseModel) -> None:
    """Against the same batches at next to no learning rate, so that the draw of noise plays no part."""
    last = []
    for learning_rate in (1e-2, 1e-6):
        train(cache, base_model, tmp_path, steps=20, learning_rate=learning_rate, rank=8, alpha=16.0)
        table = list(csv.DictReader((tmp_path / "lora" / "loss.csv").open()))
        last.append(sum(float(row["loss"]) for row in table[-8:]))
    assert last[0] < 0.9 * last[1]


def test_nothing_but_the_unet_is_in_memory(
    tmp_path: Path, cache: Path, base_model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()
    before = {id(part) for part in find_encoders()}
    unet_size = sum(
        weight.numel() for weight in load_unet(base_model.folder, CPU, torch.float32).parameters()
    )
    make_batch = TrainingSteps.make_batch
    weights: list[int] = []

    def look_around(steps: TrainingSteps, step: int) -> StepBatch:
        assert [part for part in find_encoders() if id(part) not in before] == []
        parameters = [thing for thing in gc.get_objects() if type(thing) is torch.nn.Parameter]
        # The LoRA's are views of one vector, whose last block is filled up.
        memories = {part.untyped_storage().data_ptr(): part.untyped_storage() for part in parameters}
        weights.append(sum(memory.nbytes() for memory in memories.values()) // 4)
        return make_batch(steps, step)

    gc.collect()
    elsewhere = sum(t.numel() for t in gc.get_objects() if type(t) is torch.nn.Parameter)
    monkeypatch.setattr(TrainingSteps, "make_batch", look_around)
    report = train(cache, base_model, tmp_path, steps=2)
    assert len(weights) == 2
    assert max(weights) - elsewhere <= unet_size + report.trained_parameters + 4096


def find_encoders() -> list[Any]:
    return [part for part in gc.get_objects() if issubclass(type(part), (ChatGLMModel, StableDiffusionVAE))]


@pytest.mark.parametrize("checkpoint_every", [2, 100])
def test_a_loss_that_is_not_finite_is_explained(
    tmp_path: Path,
    cache: Path,
    base_model: BaseModel,
    monkeypatch: pytest.MonkeyPatch,
    checkpoint_every: int,
) -> None:
    train(cache, base_model, tmp_path, steps=1)
    before = read_folder(tmp_path / "lora")
    make_batch = TrainingSteps.make_batch

    def make_broken(steps: TrainingSteps, number: int) -> StepBatch:
        batch = make_batch(steps, number)
        return batch._replace(noise=batch.noise * math.inf) if number == 3 else batch

    monkeypatch.setattr(TrainingSteps, "make_batch", make_broken)
    with pytest.raises(UserError, match="loss of step 4 of 6 is not finite") as caught:
        train(cache, base_model, tmp_path, checkpoint_every=checkpoint_every)
    assert "learning_rate (it is 0.001)" in caught.value.fix
    assert read_folder(tmp_path / "lora") == before


def test_a_learning_rate_far_too_high_is_refused(tmp_path: Path, cache: Path, base_model: BaseModel) -> None:
    with pytest.raises(UserError, match="not finite"):
        train(cache, base_model, tmp_path, alpha=1e4, learning_rate=0.9)
    assert not (tmp_path / "lora").exists()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_the_same_lora_in_fp32(
    tmp_path: Path, cache: Path, base_model: BaseModel, trained: Path, precision: str
) -> None:
    train(cache, base_model, tmp_path, precision=precision)
    half = load_file(tmp_path / "lora" / "lora.safetensors")
    full = load_file(trained / "lora.safetensors")
    assert {tensor.dtype for tensor in half.values()} == {torch.float32}
    moved = [name for name in full if ".lora_B." in name]
    one, other = (torch.cat([weights[name].flatten() for name in moved]) for weights in (half, full))
    assert torch.cosine_similarity(one, other, dim=0) > 0.8


def test_refuses_a_cache_that_does_not_fit(tmp_path: Path, cache: Path, base_model: BaseModel) -> None:
    with pytest.raises(UserError, match="images of 64 pixels, not 128"):
        train(cache, base_model, tmp_path, resolution=128)
    with pytest.raises(UserError, match="cropped to center, not buckets"):
        train(cache, base_model, tmp_path, crop="buckets")
    other = BaseModel(**vars(base_model) | {"version": "another"})
    with pytest.raises(UserError, match="another base model"):
        train(cache, other, tmp_path)
