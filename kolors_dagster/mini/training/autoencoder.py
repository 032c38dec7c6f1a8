"""The autoencoder: trained on pictures as they are drawn, then its latents brought to variance one."""

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.mini import config
from kolors_dagster.mini.training.augment import make_strange
from kolors_dagster.mini.training.export import write_weights
from kolors_dagster.mini.training.schedule import learning_rate
from kolors_dagster.mini.training.shards import GrowingPictures, to_pixels

_KL_WEIGHT = 1e-3
_HEAD_WEIGHT = 2.0
_LEARNING_RATE = 1e-3


def make_autoencoder() -> StableDiffusionVAE:
    """Return an untrained autoencoder."""
    return StableDiffusionVAE(**{key: value for key, value in config.VAE.items() if not key.startswith("_")})


def reconstruction_loss(output: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
    """Return the L1 distance of pixels, and of their differences along both axes at three scales.

    Outlines and eyes are few pixels, and nearly all of the picture's differences: they weigh most here.
    `weights` (n, 1, h, w), about one on average, say where in the picture an error counts more.
    """
    loss = ((output - pixels).abs() * weights).mean()
    for _ in range(3):
        error = output - pixels
        across, down = error.diff(dim=3).abs(), error.diff(dim=2).abs()
        loss = loss + 0.7 * (across * weights[..., 1:]).mean() + 0.7 * (down * weights[:, :, 1:]).mean()
        output, pixels, weights = (functional.avg_pool2d(part, 2) for part in (output, pixels, weights))
        loss = loss + 0.3 * ((output - pixels).abs() * weights).mean()
    return loss


def weigh_heads(heads: Tensor, side: int) -> Tensor:
    """Return the weights (n, 1, side, side) of pixels: more around `heads` (n, 3), where people look."""
    places = torch.arange(side, device=heads.device) + 0.5
    x, y, size = (heads[:, column, None, None] for column in range(3))
    far = ((places[None, None] - x).square() + (places[None, :, None] - y).square()).sqrt()
    near = ((0.75 * size - far) / (0.25 * size).clamp(min=1)).clamp(0, 1)
    weights = 1 + _HEAD_WEIGHT * near
    return (weights / weights.mean(dim=(1, 2), keepdim=True))[:, None]


class _Step(nn.Module):
    """One pass with its loss: what is compiled."""

    def __init__(self, vae: StableDiffusionVAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pixels: Tensor, noise: Tensor, weights: Tensor) -> Tensor:
        mean, logvar = self.vae._encode(pixels).float().chunk(2, dim=1)
        logvar = logvar.clamp(-14, 4)
        output = self.vae.decode(mean + (0.5 * logvar).exp() * noise).float()
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        return torch.stack([reconstruction_loss(output, pixels, weights), divergence])


def train_autoencoder(
    data: GrowingPictures, work: Path, minutes: float, batch: int, first: int
) -> StableDiffusionVAE:
    """Train for `minutes` after the first steps (which compile) and return the autoencoder, standardised.

    It waits for `first` pictures, and trains on plain pictures and on `augment.make_strange` ones.
    """
    torch.manual_seed(0)
    device = data.pictures.device
    vae = make_autoencoder().to(device).train()
    cuda = device.type == "cuda"
    step = torch.compile(_Step(vae)) if cuda else _Step(vae)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=_LEARNING_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    average = torch.optim.swa_utils.AveragedModel(
        vae,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998),  # type: ignore[no-untyped-call]
    )
    generator = torch.Generator(device).manual_seed(1)
    data.wait_for(first)
    started, done, shown = time.monotonic(), 0, 0.0
    while (progress := (time.monotonic() - started) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * learning_rate(done, progress, warmup=100)
        rows = data.choose(batch, generator)
        pixels = make_strange(to_pixels(data.pictures[rows]), generator)
        weights = weigh_heads(data.heads[rows], pixels.shape[-1])
        side = pixels.shape[-1] // 8
        noise = torch.randn((batch, 4, side, side), generator=generator, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            parts = step(pixels, noise, weights)
        loss = parts[0] + _KL_WEIGHT * parts[1]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(vae)
        done += 1
        if done == 5:  # compiling is not training time
            if cuda:
                torch.cuda.synchronize(device)
            started = time.monotonic()
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(
                f"vae step {done} loss {parts[0].item():.4f} kl {parts[1].item():.2f} pictures {data.count}",
                flush=True,
            )
    vae = average.module.eval()
    standardise(vae, to_pixels(data.pictures[data.choose(min(1024, data.count), generator)]))
    write_weights(vae, work / "weights" / "vae.safetensors")
    show_reconstructions(vae, data.pictures[:: max(1, data.count // 12)][:12], work / "vae.png")
    print(f"vae {done} steps, PSNR {psnr(vae, data.pictures[: min(256, data.count)]):.2f} dB", flush=True)
    return vae


@torch.no_grad()
def standardise(vae: StableDiffusionVAE, pixels: Tensor) -> None:
    """Scale and shift each latent channel, inside the weights, so that scaled latents are about normal."""
    latents = torch.cat([vae.encode(part).mean for part in torch.split(pixels, 32)])
    mean = latents.mean(dim=(0, 2, 3))
    scale = 1 / (latents.std(dim=(0, 2, 3)) * config.VAE["scaling_factor"])
    channels = len(mean)
    before, after = vae.quant_conv, vae.post_quant_conv
    after.bias += (after.weight[:, :, 0, 0] * mean).sum(dim=1)
    after.weight /= scale[None, :, None, None]
    before.weight[:channels] *= scale[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - mean) * scale
    before.bias[channels:] += 2 * scale.log()


@torch.no_grad()
def encode_pictures(vae: StableDiffusionVAE, pictures: Tensor) -> Tensor:
    """Return the mean of the scaled latents of bytes (n, 256, 256, 3), (n, 4, 32, 32) in fp16."""
    cuda = pictures.is_cuda
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=cuda):
        parts = [vae.encode(to_pixels(part)).mean.half() for part in torch.split(pictures, 128)]
    return torch.cat(parts) * config.VAE["scaling_factor"]


@torch.no_grad()
def reconstruct(vae: StableDiffusionVAE, pictures: Tensor) -> Tensor:
    """Return pictures as they come back from their latents, bytes."""
    back = torch.cat([vae.decode(vae.encode(to_pixels(part)).mean) for part in torch.split(pictures, 16)])
    return ((back / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)


def psnr(vae: StableDiffusionVAE, pictures: Tensor) -> float:
    """Return the peak signal-to-noise ratio of reconstructions, in decibels."""
    error = (reconstruct(vae, pictures).float() - pictures.float()).square().mean()
    return float(10 * torch.log10(255**2 / error))


def show_reconstructions(vae: StableDiffusionVAE, pictures: Tensor, path: Path) -> None:
    """Write pictures above their reconstructions."""
    back = reconstruct(vae, pictures)
    rows = [np.concatenate(list(row.cpu().numpy()), axis=1) for row in (pictures, back)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(path)
