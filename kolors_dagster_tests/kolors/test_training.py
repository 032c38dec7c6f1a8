import csv
import gc
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
from diffusers.pipelines.kolors.text_encoder import ChatGLMModel
from peft import LoraConfig
from safetensors import safe_open
from safetensors.torch import load_file

from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_file
from kolors_dagster.kolors.base_model import DEFAULT_TRAINING, BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import inject_lora, load_lora, save_lora
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_record import TrainingReport
from kolors_dagster.kolors.training_steps import StepBatch, TrainingSteps
from kolors_dagster.specs import TrainingRecipe
from kolors_dagster_tests.kolors.training_parts import (  # noqa: F401 (fixtures)
    CPU,
    RECIPE,
    describe_mini,
    make_bucket_cache,
    make_cache,
    make_dataset,
    read_folder,
    use_one_thread,
)

pytestmark = pytest.mark.usefixtures("one_thread")

METADATA = {"style": "tiny", "trigger_words": "二次元"}


def train(cache: Path, base_model: BaseModel, folder: Path, **changes: Any) -> TrainingReport:
    recipe = TrainingRecipe(**(RECIPE.model_dump() | changes))
    return train_lora(cache, base_model, recipe, folder / "lora", folder / "checkpoints", METADATA, CPU)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cache: Path, base_model: BaseModel) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(cache, base_model, folder)
    return folder / "lora"


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


def test_buckets_give_the_same_bytes_again_and_after_an_interruption(
    tmp_path: Path, bucket_cache: Path, base_model: BaseModel
) -> None:
    changes = {"crop": "buckets", "batch_size": 2}
    train(bucket_cache, base_model, tmp_path / "whole", **changes)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(3, KeyboardInterrupt(), patch)
        with pytest.raises(KeyboardInterrupt):
            train(bucket_cache, base_model, tmp_path / "resumed", **changes)
    assert train(bucket_cache, base_model, tmp_path / "resumed", **changes).resumed_from == 2
    assert read_folder(tmp_path / "resumed" / "lora") == read_folder(tmp_path / "whole" / "lora")


@pytest.mark.parametrize("crop", ["center", "buckets"])
def test_agrees_with_peft_on_diffusers_unet(
    tmp_path: Path, trained: Path, cache: Path, bucket_cache: Path, base_model: BaseModel, crop: str
) -> None:
    """The whole training again, by diffusers' UNet, peft and a loop written here."""
    recipe = base_model.fill_recipe(RECIPE.model_copy(update={"crop": crop}))
    if crop == "buckets":
        cache = bucket_cache
        train(cache, base_model, tmp_path, crop=crop)
        trained = tmp_path / "lora"
    ours = load_unet(base_model.folder, CPU, torch.float32)
    inject_lora(ours, RECIPE.rank, RECIPE.alpha, RECIPE.target_modules, RECIPE.seed)
    save_lora(ours, tmp_path / "start.safetensors", {})
    start = load_file(tmp_path / "start.safetensors")

    unet = UNet2DConditionModel.from_pretrained(base_model.folder / "unet", torch_dtype=torch.float32)
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=2, lora_alpha=4.0, target_modules=RECIPE.target_modules))
    trainable = {
        f"unet.{name.replace('.default', '')}": weight
        for name, weight in unet.named_parameters()
        if weight.requires_grad
    }
    assert set(trainable) == set(start)
    for name, weight in trainable.items():
        weight.data.copy_(start[name])
    optimizer = torch.optim.AdamW(trainable.values(), lr=RECIPE.learning_rate)
    schedule = load_noise_schedule(base_model.folder)
    losses = []
    shapes = set()
    for batch in TrainingSteps(CachedSamples(cache), schedule, recipe):
        height, width = (8.0 * side for side in batch.noise.shape[2:])
        shapes.add((width, height))
        time_ids = torch.tensor([[height, width, 0, 0, height, width]])
        conditions = {"text_embeds": batch.pooled, "time_ids": time_ids}
        predicted = unet(
            batch.noisy_latents, batch.timesteps, batch.hidden_states, added_cond_kwargs=conditions
        ).sample
        loss = (predicted - batch.noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert shapes == ({(64, 64), (64, 96), (96, 64)} if crop == "buckets" else {(64, 64)})
    table = list(csv.DictReader((trained / "loss.csv").open()))
    assert [float(row["loss"]) for row in table] == pytest.approx(losses, rel=1e-5)
    result = load_file(trained / "lora.safetensors")
    moved = 0.0
    for name, weight in trainable.items():
        # Adam divides by the gradient's size, so where that is rounding noise the update is noise too.
        close = torch.isclose(result[name], weight.detach(), rtol=1e-3, atol=1e-5)
        assert close.float().mean() > 0.99, name
        moved = max(moved, (result[name] - start[name]).abs().max().item())
    assert moved > RECIPE.learning_rate


def test_learns(tmp_path: Path, cache: Path, base_model: BaseModel) -> None:
    """Against the same batches at next to no learning rate, so that the draw of noise plays no part."""
    last = []
    for learning_rate in (1e-2, 1e-6):
        train(cache, base_model, tmp_path, steps=20, learning_rate=learning_rate, rank=8, alpha=16.0)
        table = list(csv.DictReader((tmp_path / "lora" / "loss.csv").open()))
        last.append(sum(float(row["loss"]) for row in table[-8:]))
    assert last[0] < 0.9 * last[1]


def test_a_trained_lora_acts_in_diffusers_as_in_ours(
    trained: Path, cache: Path, base_model: BaseModel
) -> None:
    pipeline = make_pipeline(base_model)
    schedule = load_noise_schedule(base_model.folder)
    batch = TrainingSteps(CachedSamples(cache), schedule, base_model.fill_recipe(RECIPE)).make_batch(0)
    time_ids = torch.tensor([[64.0, 64, 0, 0, 64, 64]])

    @torch.no_grad()
    def predict_theirs() -> torch.Tensor:
        conditions = {"text_embeds": batch.pooled, "time_ids": time_ids}
        return pipeline.unet(
            batch.noisy_latents, batch.timesteps, batch.hidden_states, added_cond_kwargs=conditions
        ).sample

    bare = predict_theirs()
    pipeline.load_lora_weights(trained, weight_name="lora.safetensors")
    theirs = predict_theirs()
    unet = load_unet(base_model.folder, CPU, torch.float32)
    load_lora(unet, trained / "lora.safetensors")
    with torch.no_grad():
        ours = unet(batch.noisy_latents, batch.timesteps, batch.hidden_states, batch.pooled, time_ids)
    change = (theirs - bare).abs().max().item()
    assert change > 1e-3
    assert (theirs - ours).abs().max().item() < 0.01 * change


def make_pipeline(base_model: BaseModel) -> DiffusionPipeline:
    """Return diffusers' pipeline around the base model's UNet, the one part a LoRA of ours touches."""
    unet = UNet2DConditionModel.from_pretrained(base_model.folder / "unet", torch_dtype=torch.float32)
    return KolorsPipeline(
        vae=None,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=EulerDiscreteScheduler.from_pretrained(base_model.folder, subfolder="scheduler"),
    )


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


KILLED = """
import json, sys
from pathlib import Path
import torch
from kolors_dagster.kolors.base_model import DEFAULT_TRAINING, BaseModel
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.specs import TrainingRecipe
torch.set_num_threads(1)
cache, base_model, recipe, folder, metadata = json.loads(sys.argv[1])
base_model = BaseModel(**base_model | {"folder": Path(base_model["folder"])})
train_lora(Path(cache), base_model, TrainingRecipe(**recipe), Path(folder) / "lora",
           Path(folder) / "checkpoints", metadata, torch.device("cpu"))
"""


def test_a_killed_training_ends_in_the_same_bytes(tmp_path: Path, cache: Path, base_model: BaseModel) -> None:
    steps = {"steps": 16, "checkpoint_every": 2}
    recipe = RECIPE.model_dump() | steps
    arguments = json.dumps([str(cache), vars(base_model), recipe, str(tmp_path), METADATA], default=str)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, arguments], stdout=output, stderr=output, env=dict(os.environ)
        )
    try:
        # Two whole checkpoints are there, so the one after has begun: the kill falls at any place in it.
        while len(list(tmp_path.glob("checkpoints/[!.]*-step-*"))) < 2:
            assert process.poll() is None, log.read_text()
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "lora").exists(), "it was done before it was killed"
    resumed = train(cache, base_model, tmp_path, **steps)
    assert 4 <= resumed.resumed_from < 16
    train(cache, base_model, tmp_path / "whole", **steps)
    assert read_folder(tmp_path / "lora") == read_folder(tmp_path / "whole" / "lora")
    assert not (tmp_path / "checkpoints").exists()


def stop_at(step: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    make_batch = TrainingSteps.make_batch

    def make_or_stop(steps: TrainingSteps, number: int) -> StepBatch:
        if number == step:
            raise error
        return make_batch(steps, number)

    monkeypatch.setattr(TrainingSteps, "make_batch", make_or_stop)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("out of memory")])
def test_an_interrupted_training_goes_on(
    tmp_path: Path, cache: Path, base_model: BaseModel, trained: Path, error: BaseException
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(5, error, patch)
        with pytest.raises(type(error)):
            train(cache, base_model, tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler
    # The newest checkpoint, after step 4, is damaged: it goes on from the one before.
    newest = max((tmp_path / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    assert train(cache, base_model, tmp_path).resumed_from == 2
    assert read_folder(tmp_path / "lora") == read_folder(trained)


@pytest.mark.parametrize("change", [{"learning_rate": 2e-3}, {"seed": 1}, {"rank": 3}, {"precision": "bf16"}])
def test_never_goes_on_from_another_recipe(
    tmp_path: Path,
    cache: Path,
    base_model: BaseModel,
    change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_at(3, RuntimeError("stop"), patch)
        with pytest.raises(RuntimeError, match="stop"):
            train(cache, base_model, tmp_path)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    stop_at(0, RuntimeError("from the start"), monkeypatch)
    with pytest.raises(RuntimeError, match="from the start"):
        train(cache, base_model, tmp_path, **change)


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
