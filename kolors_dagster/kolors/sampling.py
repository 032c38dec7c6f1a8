"""Noise to latents: Euler steps with classifier-free guidance, a batch at a time."""

from collections.abc import Callable, Sequence

import torch
from diffusers import EulerDiscreteScheduler
from torch import Tensor
from tqdm import tqdm

from kolors_dagster.kolors.text import TextEmbeddings, join_embeddings
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids

LATENT_CHANNELS = 4
PIXELS_PER_LATENT = 8


def make_noise(seeds: Sequence[int], width: int, height: int) -> Tensor:
    """Return normal noise (n, 4, height / 8, width / 8), fp32 on the CPU, each row from its seed alone."""
    shape = (LATENT_CHANNELS, height // PIXELS_PER_LATENT, width // PIXELS_PER_LATENT)
    return torch.stack(
        [torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)) for seed in seeds]
    )


@torch.no_grad()
def sample_latents(
    unet: KolorsUNet,
    scheduler: EulerDiscreteScheduler,
    positive: TextEmbeddings,
    negative: TextEmbeddings,
    seeds: Sequence[int],
    *,
    width: int,
    height: int,
    steps: int,
    guidance_scale: float,
    on_step: Callable[[int], None] | None = None,
) -> Tensor:
    """Return the latents (n, 4, height / 8, width / 8), fp32, of n pictures drawn together.

    positive, negative: n embeddings each; with `guidance_scale` 1 the negative ones are not used.
    width, height: pixels, multiples of 8. `on_step` is told how many steps are done, after each.
    The sums between steps stay in fp32 whatever the UNet is in.
    """
    weight = unet.conv_in.weight
    device, dtype, count = weight.device, weight.dtype, len(seeds)
    guided = guidance_scale != 1.0
    text = (join_embeddings([negative, positive]) if guided else positive).to(device, dtype)
    time_ids = make_time_ids(height, width, len(text), device, dtype)

    scheduler.set_timesteps(steps, device=device)
    latents = make_noise(seeds, width, height).to(device) * scheduler.init_noise_sigma
    for done, timestep in enumerate(tqdm(scheduler.timesteps, desc=f"draw {count}", unit="step"), 1):
        scaled = scheduler.scale_model_input(latents, timestep).to(dtype)
        inputs = torch.cat([scaled, scaled]) if guided else scaled
        noise = unet(inputs, timestep, text.hidden_states, text.pooled, time_ids)
        if guided:
            without, with_text = noise.chunk(2)
            noise = without + guidance_scale * (with_text - without)
        latents = scheduler.step(noise.float(), timestep, latents, return_dict=False)[0]
        if on_step:
            on_step(done)
    return latents
