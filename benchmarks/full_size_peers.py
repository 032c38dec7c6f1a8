"""The same work by others, at full size: diffusers' KolorsPipeline, and a loop of peft and diffusers."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
from peft import LoraConfig
from torch import Tensor

from kolors_dagster.kolors.sampling import make_noise
from kolors_dagster.kolors.text import TextEmbeddings
from kolors_dagster.kolors.text_padding import unfold_padding
from kolors_dagster.kolors.training_steps import StepBatch
from kolors_dagster.specs import FilledRecipe

CUDA = torch.device("cuda")


def load_unet(folder: Path, dtype: torch.dtype) -> UNet2DConditionModel:
    """Return diffusers' UNet with the model's weights, on the GPU."""
    return UNet2DConditionModel.from_pretrained(folder / "unet", variant="fp16", torch_dtype=dtype).to(CUDA)


def load_pipeline(folder: Path, dtype: torch.dtype) -> KolorsPipeline:
    """Return KolorsPipeline without ChatGLM3: prompts come as embeddings. The VAE is in fp32, as ours."""
    vae = AutoencoderKL.from_pretrained(folder / "vae", variant="fp16", torch_dtype=torch.float32).to(CUDA)
    scheduler = EulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    pipeline = KolorsPipeline(
        vae=vae, text_encoder=None, tokenizer=None, unet=load_unet(folder, dtype), scheduler=scheduler
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def speed_up(pipeline: KolorsPipeline) -> None:
    """Give the pipeline what diffusers' guide to faster inference advises for SDXL.

    Channels last, queries, keys and values in one product, and the transformer blocks compiled: its regional
    compilation, for each shape anew. Source: diffusers' documentation, "Accelerate inference".
    """
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.fuse_qkv_projections()
    pipeline.unet.compile_repeated_blocks(fullgraph=True, dynamic=False)


@torch.no_grad()
def draw(
    pipeline: KolorsPipeline,
    positive: TextEmbeddings,
    negative: TextEmbeddings,
    seeds: list[int],
    steps: int,
) -> Tensor:
    """Return the latents of pictures of 1024² drawn together."""
    dtype = pipeline.unet.dtype
    return pipeline(
        prompt_embeds=positive.hidden_states.to(CUDA, dtype),
        pooled_prompt_embeds=positive.pooled.to(CUDA, dtype),
        negative_prompt_embeds=negative.hidden_states.to(CUDA, dtype),
        negative_pooled_prompt_embeds=negative.pooled.to(CUDA, dtype),
        latents=make_noise(seeds, 1024, 1024).to(CUDA, dtype),
        num_inference_steps=steps,
        guidance_scale=4.0,
        output_type="latent",
        height=1024,
        width=1024,
    ).images


@torch.no_grad()
def decode(pipeline: KolorsPipeline, latents: Tensor) -> None:
    """Turn latents into pictures, one by one as ours are."""
    for row in latents:
        pipeline.vae.decode(row[None].float() / pipeline.vae.config.scaling_factor).sample.cpu()


class Trained(NamedTuple):
    """What the plain loop learnt and took."""

    losses: list[float]
    seconds_per_step: float
    """Without the first three steps."""
    first_result: float
    """Seconds from the UNet's loading to the end of the first step."""


def train(
    folder: Path, recipe: FilledRecipe, starts: dict[str, Tensor], batches: Iterable[StepBatch]
) -> Trained:
    """Train a LoRA as diffusers' SDXL script does, in bf16 by autocast, from cached latents and texts.

    `starts`: the matrices A to begin with, by name. Source: diffusers' `train_text_to_image_lora_sdxl.py`,
    without what that script has in the loop and a cache has not.
    """
    began = time.perf_counter()
    unet = load_unet(folder, torch.bfloat16).requires_grad_(False)
    unet.add_adapter(LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=recipe.target_modules))
    named = {name: weight for name, weight in unet.named_parameters() if weight.requires_grad}
    for name, weight in named.items():
        weight.data = starts[name].clone() if name in starts else weight.data.float()
    trained = list(named.values())
    optimizer = torch.optim.AdamW(trained, lr=recipe.learning_rate, fused=True)
    losses: list[Tensor] = []
    start = first_result = 0.0
    for number, on_cpu in enumerate(batches):
        if number == 3:
            torch.cuda.synchronize()
            start = time.perf_counter()
        batch = StepBatch(*(tensor.to(CUDA) for tensor in on_cpu))
        with torch.autocast("cuda", torch.bfloat16):
            predicted = unet(
                batch.noisy_latents,
                batch.timesteps,
                unfold_padding(batch.hidden_states),
                added_cond_kwargs={"text_embeds": batch.pooled, "time_ids": batch.time_ids},
            ).sample
        loss = (predicted.float() - batch.noise).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        if not number:
            torch.cuda.synchronize()
            first_result = time.perf_counter() - began
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / (len(losses) - 3)
    return Trained(torch.stack(losses).tolist(), seconds, first_result)
