"""Each field of the recipe changes what it says, and nothing else."""

import csv
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import KolorsPipeline, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import lora_training, training
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import load_lora, remove_lora
from kolors_dagster.kolors.merged_lora import MergedLora
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_objective import weigh_by_snr
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster_tests.kolors.conftest import relative_error
from kolors_dagster_tests.kolors.test_lora import predict
from kolors_dagster_tests.kolors.training_parts import CPU, RECIPE


@pytest.fixture
def train(tmp_path: Path, cache: Path, base_model: BaseModel) -> Any:
    def run(device: torch.device = CPU, **changes: Any) -> tuple[dict[str, Tensor], list[float]]:
        recipe = RECIPE.model_copy(update={"steps": 2, **changes})
        folder = tmp_path / "lora"
        train_lora(cache, base_model, recipe, folder, tmp_path / "checkpoints", {}, device)
        rows = csv.DictReader((folder / "loss.csv").read_text().splitlines())
        return load_file(folder / "lora.safetensors"), [float(row["loss"]) for row in rows]

    return run


def are_alike(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float = 2e-5) -> bool:
    """Adam divides by the gradient's size, so where that is rounding noise the update is noise too."""
    close = [torch.isclose(one[name], other[name], atol=tolerance).flatten() for name in other]
    return bool(torch.cat(close).float().mean() > 0.99)


def test_batches_added_up_are_one_large_batch(train: Any) -> None:
    large, losses = train(batch_size=4)
    added, same_losses = train(batch_size=2, gradient_accumulation=2)
    assert same_losses == pytest.approx(losses, rel=1e-5)
    assert are_alike(added, large)
    _, smaller = train(batch_size=2)
    assert smaller != pytest.approx(losses, rel=1e-3)


def test_the_learning_rate_warms_up_and_decays(train: Any) -> None:
    def moved(**changes: Any) -> float:
        weights, _ = train(steps=1, **changes)
        return max(float(weight.abs().max()) for name, weight in weights.items() if "lora_B" in name)

    # Adam's first step moves every weight that has a gradient by the learning rate.
    assert moved() == pytest.approx(RECIPE.learning_rate, rel=1e-3)
    assert moved(warmup_steps=4) == pytest.approx(RECIPE.learning_rate / 5, rel=1e-3)
    constant, _ = train()
    cosine, _ = train(decay="cosine")
    assert any(not torch.equal(constant[name], cosine[name]) for name in constant)


def test_timesteps_are_weighed_by_their_snr(train: Any, cache: Path, base_model: BaseModel) -> None:
    schedule = load_noise_schedule(base_model.folder)
    timesteps = (
        TrainingSteps(CachedSamples(cache), schedule, base_model.fill_recipe(RECIPE)).make_batch(0).timesteps
    )
    weight = float(weigh_by_snr(schedule, timesteps, 0.001))
    assert weight < 1
    _, plain = train(steps=1)
    _, weighed = train(steps=1, snr_gamma=0.001)
    assert weighed[0] == pytest.approx(weight * plain[0], rel=1e-5)


def test_the_noise_is_offset(train: Any, cache: Path, base_model: BaseModel) -> None:
    recipe = RECIPE.model_copy(update={"noise_offset": 0.5})
    schedule = load_noise_schedule(base_model.folder)
    plain, offset = (
        TrainingSteps(CachedSamples(cache), schedule, base_model.fill_recipe(chosen)).make_batch(3)
        for chosen in (RECIPE, recipe)
    )
    shift = offset.noise - plain.noise
    assert float(shift.std(dim=(2, 3)).max()) < 1e-6 < float(shift.abs().mean())
    assert train(noise_offset=0.5)[1] != train()[1]


def test_the_moving_average_is_that_of_every_step(train: Any) -> None:
    start, _ = train(steps=1, learning_rate=1e-7)  # as good as none
    one, _ = train(steps=1)
    two, _ = train(steps=2)
    average, _ = train(steps=2, ema_decay=0.75)
    for name in start:
        expected = 0.75 * (0.75 * start[name] + 0.25 * one[name]) + 0.25 * two[name]
        assert torch.allclose(average[name], expected, atol=1e-6), name
    assert not all(torch.equal(average[name], two[name]) for name in two)


def test_eight_bits_learn_nearly_the_same_lora(train: Any) -> None:
    plain, losses = train(steps=4)
    eight, same_losses = train(steps=4, optimizer="adamw8bit")
    assert same_losses == pytest.approx(losses, rel=0.02) and same_losses != losses
    moved = [name for name in plain if ".lora_B." in name]  # from zero
    one, other = (torch.cat([weights[name].flatten() for name in moved]) for weights in (eight, plain))
    assert not torch.equal(one, other)
    assert torch.cosine_similarity(one, other, dim=0) > 0.95


def test_eight_bits_learn(train: Any) -> None:
    """Against the same batches at next to no learning rate, so that the draw of noise plays no part."""
    recipe = {"steps": 14, "rank": 4, "alpha": 16.0, "optimizer": "adamw8bit"}
    _, learnt = train(**recipe, learning_rate=1e-2)
    _, bare = train(**recipe, learning_rate=1e-6)
    assert sum(learnt[-6:]) < 0.9 * sum(bare[-6:])


@pytest.mark.parametrize("options", [{"ema_decay": 0.5}, {"optimizer": "adamw8bit"}])
def test_a_killed_training_keeps_its_averages(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    whole, _ = train(steps=5, **options)
    make_batch = TrainingSteps.make_batch

    def stop_at_step_three(steps: TrainingSteps, step: int) -> Any:
        if step == 3:
            raise KeyboardInterrupt
        return make_batch(steps, step)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainingSteps, "make_batch", stop_at_step_three)
        train(steps=5, **options)
    resumed, _ = train(steps=5, **options)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_dora_learns_lengths_that_act_alike_everywhere(
    train: Any, tmp_path: Path, base_model: BaseModel
) -> None:
    modules = ["to_q", "to_k", "conv1", "conv_in"]
    weights, _ = train(dora=True, steps=3, learning_rate=1e-2, target_modules=modules)
    assert any(name.endswith("lora_magnitude_vector") for name in weights)
    path = tmp_path / "lora" / "lora.safetensors"
    unet = load_unet(base_model.folder, CPU, torch.float32)
    bare = predict(unet)
    load_lora(unet, path)
    in_layers = predict(unet)
    remove_lora(unet)
    MergedLora(unet, path, 1.0)
    assert relative_error(in_layers, bare) > 1e-3
    assert relative_error(predict(unet), in_layers) < 1e-5
    theirs = UNet2DConditionModel.from_pretrained(base_model.folder / "unet", torch_dtype=torch.float32)
    pipeline = KolorsPipeline(vae=None, text_encoder=None, tokenizer=None, unet=theirs, scheduler=None)
    pipeline.load_lora_weights(path.parent, weight_name=path.name)
    merged, own = unet.state_dict(), dict(theirs.named_modules())
    for name in (name for name in own if name.endswith(("attn1.to_q", "conv1", "conv_in"))):
        own[name].merge()
        assert torch.allclose(own[name].get_base_layer().weight, merged[f"{name}.weight"], atol=1e-5), name


def test_out_of_memory_goes_on_in_smaller_parts(
    train: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, losses = train(batch_size=4)
    forward = KolorsUNet.forward

    def with_little_memory(unet: KolorsUNet, latents: Tensor, *arguments: Any) -> Tensor:
        if len(latents) > 1:
            raise torch.OutOfMemoryError
        return forward(unet, latents, *arguments)

    monkeypatch.setattr(KolorsUNet, "forward", with_little_memory)
    in_parts, same_losses = train(batch_size=4)
    assert same_losses == pytest.approx(losses, rel=1e-5)
    assert are_alike(in_parts, whole)
    assert caplog.text.count("out of memory") == 2  # 4, 2, 1, and then no more


def test_out_of_memory_with_one_picture_goes_on_with_gradient_checkpointing(
    train: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, losses = train(batch_size=1)
    forward = KolorsUNet.forward

    def with_little_memory(unet: KolorsUNet, *arguments: Any) -> Tensor:
        if not any("forward" in vars(block) for block in unet.modules()):
            raise torch.OutOfMemoryError
        return forward(unet, *arguments)

    monkeypatch.setattr(KolorsUNet, "forward", with_little_memory)
    spared, same_losses = train(batch_size=1)
    assert same_losses == losses and all(torch.equal(spared[name], whole[name]) for name in whole)
    assert caplog.text.count("out of memory with one image; going on with gradient checkpointing") == 1

    def without_memory(*arguments: Any) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(KolorsUNet, "forward", without_memory)
    with pytest.raises(UserError, match="not enough memory"):
        train(batch_size=1)


def test_little_free_memory_begins_with_gradient_checkpointing(
    train: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, _ = train(batch_size=2)
    checkpoint_gradients, checkpointed = lora_training.checkpoint_gradients, []

    def look_on(unet: KolorsUNet) -> None:
        checkpointed.append(unet)
        checkpoint_gradients(unet)

    monkeypatch.setattr(training, "free_memory", lambda device: 10_000_000)
    monkeypatch.setattr(lora_training, "checkpoint_gradients", look_on)
    spared, _ = train(batch_size=2)
    assert len(checkpointed) == 1 and "out of memory" not in caplog.text
    assert all(torch.equal(spared[name], whole[name]) for name in whole)


def test_a_unet_that_does_not_fit_is_streamed_and_learns_the_same(
    train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, losses = train(batch_size=2, target_modules=["to_q", "conv1", "conv_in"])
    monkeypatch.setattr(training, "load_unet", partial(load_unet, stream=0))
    streamed, same_losses = train(batch_size=2, target_modules=["to_q", "conv1", "conv_in"])
    assert same_losses == pytest.approx(losses, rel=1e-5)
    assert are_alike(streamed, whole)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("changes", [{}, {"batch_size": 3, "ema_decay": 0.5}, {"optimizer": "adamw8bit"}])
def test_on_a_gpu_graphs_learn_what_calls_do(
    train: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """Five steps, three of them replays; then without graphs, with checkpointed gradients, and streamed."""
    device = torch.device("cuda")
    # Averages in 8 bits: rounding noise moves one to the next number that 8 bits have, a step by a tenth.
    tolerance = 2e-4 if changes.get("optimizer") == "adamw8bit" else 2e-5
    changes = {"steps": 5, "precision": "fp32", **changes}
    replayed, losses = train(device, **changes)

    def learn_again() -> None:
        again, same_losses = train(device, **changes)
        assert same_losses == pytest.approx(losses, rel=1e-3)
        assert are_alike(again, replayed, tolerance)

    with monkeypatch.context() as patch:
        patch.setattr(training, "free_memory", lambda device: 10_000_000)
        learn_again()
    with monkeypatch.context() as patch:
        patch.setattr(training, "load_unet", partial(load_unet, stream=2**60))
        learn_again()
    monkeypatch.setattr(lora_training, "GraphedCall", lambda function, **_: function)
    learn_again()
