"""A training, and what it makes, against diffusers and peft."""

import csv
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline, EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
from peft import LoraConfig
from safetensors.torch import load_file

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import inject_lora, load_lora, save_lora
from kolors_dagster.kolors.text_padding import unfold_padding
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster_tests.kolors.training_parts import CPU, RECIPE, train


@pytest.mark.parametrize("crop", ["center", "buckets"])
def test_agrees_with_peft_on_diffusers_unet(
    tmp_path: Path, trained: Path, cache: Path, bucket_cache: Path, base_model: BaseModel, crop: str
) -> None:
    """The whole training again, by diffusers' UNet, peft and a loop written here.

    In fp64: of 256 keys, nearly all of them equal, fp32 would leave diffusers' own gradients less exact than
    ours, which are of folded texts.
    """
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
    unet.double().requires_grad_(False)
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
        conditions = {"text_embeds": batch.pooled.double(), "time_ids": time_ids.double()}
        predicted = unet(
            batch.noisy_latents.double(),
            batch.timesteps,
            unfold_padding(batch.hidden_states).double(),
            added_cond_kwargs=conditions,
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
        # Adam divides by the gradient's size, so where that is rounding noise the update is noise too:
        # a value counts as much as its gradient was large.
        close = torch.isclose(result[name].double(), weight.detach().double(), rtol=1e-3, atol=1e-5)
        size = optimizer.state[weight]["exp_avg_sq"].double().sqrt()
        assert (close * size).sum() > 0.99 * size.sum(), name
        moved = max(moved, (result[name] - start[name]).abs().max().item())
    assert moved > RECIPE.learning_rate


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
            batch.noisy_latents,
            batch.timesteps,
            unfold_padding(batch.hidden_states),
            added_cond_kwargs=conditions,
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
