"""The decoder made sharp: the encoder stays as it is, so that latents made before stay true.

It learns from noisy latents, since what the UNet draws is never quite what the encoder would have said, and
against a critic that tells its pictures from drawn ones patch by patch (PatchGAN, hinge loss): where latents
leave a choice, the mean of all outlines is a blur, and the critic wants one of them.
"""

import copy
import time
from itertools import pairwise
from pathlib import Path

import torch
from diffsynth.models.stable_diffusion_vae import StableDiffusionVAE
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from kolors_dagster.mini import config
from kolors_dagster.mini.training.augment import make_strange
from kolors_dagster.mini.training.autoencoder import (
    psnr,
    reconstruction_loss,
    show_reconstructions,
    weigh_heads,
)
from kolors_dagster.mini.training.export import write_weights
from kolors_dagster.mini.training.schedule import learning_rate
from kolors_dagster.mini.training.shards import GrowingPictures, to_pixels

_LEARNING_RATE = 4e-4
_CRITIC_RATE = 4e-4
_NOISE = 0.2  # the most that is added to latents of variance one
_STRANGE = 4  # one batch in so many shows strange pictures, so that styles are not forgotten
_CRITIC_FROM, _CRITIC_WHOLE = 0.1, 0.3  # progress at which the critic is first listened to, and fully
_CRITIC_SHARE = 0.5  # the critic's gradient on the picture, as a share of the reconstruction's
_LIKENESS = 4.0  # how much the critic's features count beside its verdict


class Critic(nn.Module):
    """Pictures (n, 3, h, w) to features of every layer; the last is the verdict (n, 1, h / 8, w / 8)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 48, 96, 192)
        layers = [nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths)]
        layers += [nn.Conv2d(192, 192, 3, padding=1), nn.Conv2d(192, 1, 3, padding=1)]
        self.layers = nn.ModuleList(spectral_norm(layer) for layer in layers)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Return the features."""
        features = [pixels]
        for number, layer in enumerate(self.layers):
            last = number == len(self.layers) - 1
            features.append(layer(features[-1]) if last else functional.leaky_relu(layer(features[-1]), 0.2))
        return features[1:]


class _Decode(nn.Module):
    """Scaled latents to pictures: what is compiled."""

    def __init__(self, vae: StableDiffusionVAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latents: Tensor) -> Tensor:
        return self.vae.decode(latents / config.VAE["scaling_factor"]).float()


class DecoderTrainer:
    """The decoder, its running average, the critic, and their optimizers."""

    def __init__(self, vae: StableDiffusionVAE, device: torch.device) -> None:
        self.vae = copy.deepcopy(vae).train().requires_grad_(False)
        self.weights = [*self.vae.decoder.parameters(), *self.vae.post_quant_conv.parameters()]
        for weight in self.weights:
            weight.requires_grad_(True)
        self.average = [weight.detach().clone() for weight in self.weights]
        self.cuda = device.type == "cuda"
        self.device = device
        self.decode = torch.compile(_Decode(self.vae)) if self.cuda else _Decode(self.vae)
        self.critic = Critic().to(device)
        self.optimizer = torch.optim.AdamW(self.weights, lr=_LEARNING_RATE, betas=(0.8, 0.99))
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=_CRITIC_RATE, betas=(0.5, 0.99))
        self.steps = 0

    def step(self, latents: Tensor, pixels: Tensor, heads: Tensor, progress: float) -> Tensor:
        """Take one step; return the reconstruction's loss, and the critic's on real and on made pictures."""
        rate = learning_rate(self.steps, progress, warmup=100)
        for optimizer, peak in ((self.optimizer, _LEARNING_RATE), (self.critic_optimizer, _CRITIC_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cuda):
            output = self.decode(latents)
        made = output.detach().requires_grad_(True)
        weights = weigh_heads(heads, pixels.shape[-1])
        loss = reconstruction_loss(made, pixels, weights)
        (gradient,) = torch.autograd.grad(loss, made)
        share = min(1.0, max(0.0, (progress - _CRITIC_FROM) / (_CRITIC_WHOLE - _CRITIC_FROM)))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cuda):
            verdicts = self._train_critic(output.detach(), pixels)
            if share:
                wanted = self._criticise(made, pixels, weights)
                scale = gradient.norm() / wanted.norm().clamp(min=1e-12)
                gradient = gradient + _CRITIC_SHARE * share * scale * wanted
        self.optimizer.zero_grad(set_to_none=True)
        output.backward(gradient)
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.steps += 1
        kept = min(0.999, self.steps / (self.steps + 10))
        torch._foreach_lerp_(self.average, [weight.detach() for weight in self.weights], 1 - kept)
        return torch.cat([loss.detach()[None], verdicts])

    def _train_critic(self, made: Tensor, pixels: Tensor) -> Tensor:
        real, fake = self.critic(pixels)[-1].float(), self.critic(made)[-1].float()
        losses = torch.stack([functional.relu(1 - real).mean(), functional.relu(1 + fake).mean()])
        self.critic_optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self.critic_optimizer.step()
        return losses.detach()

    def _criticise(self, made: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
        """Return the gradient on `made` that the critic asks for."""
        with torch.no_grad():
            real = self.critic(pixels)
        features = self.critic(made)
        verdict = features[-1].float()
        loss = -(verdict * functional.adaptive_avg_pool2d(weights, verdict.shape[-2:])).mean()
        for ours, theirs in zip(features[:-1], real[:-1], strict=True):
            distance = (ours.float() - theirs.float()).abs().mean() / theirs.float().abs().mean()
            loss = loss + _LIKENESS / len(features) * distance
        return torch.autograd.grad(loss, made)[0]

    def averaged(self) -> StableDiffusionVAE:
        """Return a copy of the autoencoder with the running average as its decoder's weights."""
        result = copy.deepcopy(self.vae).eval().requires_grad_(False)
        kept = [*result.decoder.parameters(), *result.post_quant_conv.parameters()]
        for weight, mean in zip(kept, self.average, strict=True):
            weight.copy_(mean)
        return result


def train_decoder(
    vae: StableDiffusionVAE,
    data: GrowingPictures,
    latents: Tensor,
    work: Path,
    minutes: float,
    batch: int,
    save_every: float = 2.0,
) -> StableDiffusionVAE:
    """Train the decoder of `vae` for `minutes` on `latents` of `data`; weights are written now and then."""
    torch.manual_seed(0)
    device = data.pictures.device
    trainer = DecoderTrainer(vae, device)
    generator = torch.Generator(device).manual_seed(2)
    started = shown = saved = time.monotonic()
    while (progress := (time.monotonic() - started) / (60 * minutes)) < 1:
        rows = data.choose(batch, generator)
        pixels = to_pixels(data.pictures[rows])
        if trainer.steps % _STRANGE:
            encoded = latents[rows].float()
        else:
            pixels = make_strange(pixels, generator)
            encoded = encode(vae, pixels)
        spread = _NOISE * torch.rand((batch, 1, 1, 1), generator=generator, device=device)
        noise = torch.randn(encoded.shape, generator=generator, device=device)
        losses = trainer.step(encoded + spread * noise, pixels, data.heads[rows], progress)
        if trainer.steps == 5:  # compiling is not training time
            losses.tolist()
            started = time.monotonic()
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            parts = " ".join(f"{part:.3f}" for part in losses.tolist())
            print(f"decoder step {trainer.steps} losses {parts} progress {progress:.3f}", flush=True)
        if time.monotonic() - saved > 60 * save_every:
            _save(trainer, data, work)
            saved = time.monotonic()
    result = _save(trainer, data, work)
    print(
        f"decoder {trainer.steps} steps, PSNR {psnr(result, data.pictures[: min(256, data.count)]):.2f} dB",
        flush=True,
    )
    return result


@torch.no_grad()
def encode(vae: StableDiffusionVAE, pixels: Tensor) -> Tensor:
    """Return the mean of the scaled latents of pictures in [-1, 1]."""
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
        mean = vae.encode(pixels).mean
    return mean.float() * config.VAE["scaling_factor"]


@torch.no_grad()
def _save(trainer: DecoderTrainer, data: GrowingPictures, work: Path) -> StableDiffusionVAE:
    result = trainer.averaged()
    write_weights(result, work / "weights" / "vae.safetensors")
    show_reconstructions(result, data.pictures[:: max(1, data.count // 12)][:12], work / "vae.png")
    return result
