"""How a step's loss is weighted, its noise drawn, its learning rate set: functions of plain numbers."""

import math
from typing import Literal

import torch
from torch import Generator, Tensor

from kolors_dagster.kolors.noise_schedule import NoiseSchedule

Decay = Literal["constant", "linear", "cosine"]


def weigh_by_snr(schedule: NoiseSchedule, timesteps: Tensor, gamma: float) -> Tensor:
    """Return each sample's weight in the loss (n,): min(SNR, gamma) / SNR, or 1 for a `gamma` of 0.

    Left alone, nearly all of the loss is about the least noisy steps, which decide no colour and no layout.
    Source: Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy".
    """
    if not gamma:
        return torch.ones(len(timesteps))
    kept = schedule.alphas_cumprod[timesteps]
    snr = kept / (1 - kept)
    return snr.clamp(max=gamma) / snr


def draw_noise(like: Tensor, offset: float, generator: Generator) -> Tensor:
    """Return normal noise shaped like `like` (n, c, h, w), each channel shifted by `offset` × normal.

    With an offset the model learns to move a picture's overall brightness.
    Source: Guttenberg 2023, "Diffusion with Offset Noise".
    """
    noise = torch.randn(like.shape, generator=generator)
    if offset:
        noise = noise + offset * torch.randn((*like.shape[:2], 1, 1), generator=generator)
    return noise


def learning_rate_at(step: int, steps: int, warmup_steps: int, decay: Decay) -> float:
    """Return the share of the full learning rate that `step` (from 0) of `steps` is made with.

    It rises in a line over the first `warmup_steps`, then stays, or falls to nothing after the last step.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if decay == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 1.0 - progress if decay == "linear" else 0.5 + 0.5 * math.cos(math.pi * progress)
