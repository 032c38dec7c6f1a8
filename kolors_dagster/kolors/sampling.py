"""Noise to latents: Euler steps with classifier-free guidance, a batch at a time."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from tqdm import tqdm

from kolors_dagster.kolors.cuda_graph import GraphedCall
from kolors_dagster.kolors.fixed_text import fixed_text
from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.streaming import is_streamed
from kolors_dagster.kolors.text import TextEmbeddings, join_embeddings
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids

LATENT_CHANNELS = 4
PIXELS_PER_LATENT = 8
EARLY_SHARE = 0.2
"""Of the steps: those whose guidance may be another, by trial on kolors-mini."""

# What batches (rows, tokens, height, width) a UNet has drawn: its kernels are set up for these.
_COMPUTED: WeakKeyDictionary[KolorsUNet, set[tuple[int, ...]]] = WeakKeyDictionary()


def make_noise(seeds: Sequence[int], width: int, height: int) -> Tensor:
    """Return normal noise (n, 4, height / 8, width / 8), fp32 on the CPU, each row from its seed alone."""
    shape = (LATENT_CHANNELS, height // PIXELS_PER_LATENT, width // PIXELS_PER_LATENT)
    return torch.stack(
        [torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)) for seed in seeds]
    )


@torch.no_grad()
def sample_latents(
    unet: KolorsUNet,
    schedule: NoiseSchedule,
    positive: TextEmbeddings,
    negative: TextEmbeddings,
    seeds: Sequence[int],
    *,
    width: int,
    height: int,
    steps: int,
    guidance_scale: float,
    early_guidance_scale: float | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Tensor:
    """Return the latents (n, 4, height / 8, width / 8), fp32, of n pictures drawn together.

    positive, negative: n embeddings each; without guidance (scales of 1) the negative ones are not used.
    width, height: pixels, multiples of 8. `early_guidance_scale` is that of the first `EARLY_SHARE` of the
    steps, if not the same. `on_step` is told how many steps are done, after each.
    The sums between steps stay in fp32 whatever the UNet is in.
    Source: Karras et al. 2022, algorithm 2 without its noise, as diffusers' EulerDiscreteScheduler steps;
    less guidance at much noise: Kynkäänniemi et al. 2024, "Applying guidance in a limited interval".
    """
    weight = unet.conv_in.weight
    device, dtype, count = weight.device, weight.dtype, len(seeds)
    early = guidance_scale if early_guidance_scale is None else early_guidance_scale
    guided = guidance_scale != 1.0 or early != 1.0
    text = (join_embeddings([negative, positive]) if guided else positive).fold().to(device, dtype)
    time_ids = make_time_ids(height, width, len(text), device, dtype)

    path = schedule.euler_steps(steps)
    timesteps = torch.tensor(path.timesteps, device=device)
    latents = make_noise(seeds, width, height).to(device) * path.initial_sigma
    shape = (*text.hidden_states.shape[:2], height, width)
    computed = _COMPUTED.setdefault(unet, set())
    predict = GraphedCall(
        lambda inputs, timestep: unet(inputs, timestep, text.hidden_states, text.pooled, time_ids),
        refused=is_streamed(unet),
        warm=shape in computed,
    )
    with fixed_text(unet, text, time_ids), tqdm(total=steps, desc=f"draw {count}", unit="step") as bar:
        sigmas = list(pairwise(path.sigmas))
        for step, timestep in enumerate(timesteps):
            sigma, next_sigma = sigmas[step]
            scaled = (latents / (sigma**2 + 1) ** 0.5).to(dtype)
            inputs = torch.cat([scaled, scaled]) if guided else scaled
            noise = predict(inputs, timestep)
            if guided:
                without, with_text = noise.chunk(2)
                scale = early if step < EARLY_SHARE * steps else guidance_scale
                noise = without + scale * (with_text - without)
            latents = latents + (next_sigma - sigma) * noise.float()
            bar.update()
            if on_step:
                on_step(step + 1)
    computed.add(shape)
    return latents
