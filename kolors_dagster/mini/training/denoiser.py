"""Text encoder and UNet, trained together from scratch on latents and captions."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from torch import Tensor, nn

from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.mini import config
from kolors_dagster.mini.training.captions import CAPTIONS, UNWANTED, Tokens, pad_left
from kolors_dagster.mini.training.export import write_weights
from kolors_dagster.mini.training.preview import draw_preview
from kolors_dagster.mini.training.schedule import learning_rate
from kolors_dagster.mini.training.text_encoder import (
    AttributeHeads,
    TextStates,
    block_attention,
    make_chatglm,
)

_LEARNING_RATE = 8e-4
_SNR_LIMIT = 5.0  # min-SNR weighting (Hang et al., 2023)
_DROPPED = 0.12  # captions left out or replaced by what nobody wants, so that guidance has something to leave
_HEADS_WEIGHT = 0.05
_AVERAGE_OVER = 0.999


@dataclass(frozen=True)
class CaptionedLatents:
    """Latents (n, 4, 32, 32), tokens (n, texts, LONGEST) with lengths (n, texts), labels (n, attributes)."""

    latents: Tensor
    tokens: Tensor
    lengths: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.latents)


class Denoiser(nn.Module):
    """Text encoder, UNet and the heads that training alone uses."""

    def __init__(self) -> None:
        super().__init__()
        self.text = make_chatglm()
        self.unet = KolorsUNet(config.UNET)
        self.heads = AttributeHeads()
        nn.init.zeros_(self.unet.conv_out.weight)
        nn.init.zeros_(self.unet.conv_out.bias)


class _Loss(nn.Module):
    """One pass from tokens and noisy latents to the losses: what is compiled."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.text = TextStates(denoiser.text)
        self.unet = denoiser.unet
        self.heads = denoiser.heads

    def forward(
        self,
        tokens: tuple[Tensor, Tensor, Tensor],
        noisy: Tensor,
        timesteps: Tensor,
        noise: Tensor,
        weights: Tensor,
        time_ids: Tensor,
        labels: Tensor,
        counted: Tensor,
    ) -> Tensor:
        hidden, pooled = self.text(*tokens)
        predicted = self.unet(noisy, timesteps, hidden, pooled, time_ids).float()
        errors = (predicted - noise).square().mean(dim=(1, 2, 3))
        return torch.stack([(errors * weights).mean(), self.heads(pooled, labels, counted), errors.mean()])


class Batches:
    """Batches by lot: a scene, one of its captions or none, a timestep, noise, and a size to be told."""

    def __init__(
        self, data: CaptionedLatents, empty: Tensor, size: int, device: torch.device, seed: int
    ) -> None:
        self.data = data
        self.empty = empty
        self.size = size
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)
        scheduler = {key: value for key, value in config.SCHEDULER.items() if not key.startswith("_")}
        self.kept = DDPMScheduler.from_config(scheduler).alphas_cumprod.to(device)

    def _choose(self, high: int) -> Tensor:
        return torch.randint(high, (self.size,), generator=self.generator, device=self.device)

    def _chance(self, share: float) -> Tensor:
        return torch.rand(self.size, generator=self.generator, device=self.device) < share

    def texts(self, rows: Tensor) -> tuple[Tokens, Tensor]:
        """Return tokens of a caption of each row, and which rows have one."""
        dropped, silent = self._chance(_DROPPED), self._chance(0.5)
        choice = torch.where(dropped, CAPTIONS + self._choose(UNWANTED), self._choose(CAPTIONS))
        tokens, lengths = self.data.tokens[rows, choice], self.data.lengths[rows, choice]
        silent = silent & dropped
        tokens = torch.where(silent[:, None], self.empty[None], tokens)
        lengths = torch.where(silent, int((self.empty != 0).sum()), lengths.long())
        return pad_left(tokens, lengths), ~dropped

    def sizes(self) -> Tensor:
        """Return size conditioning (n, 6): the true size half of the time, else any: none shall surprise."""
        shape = (self.size, 2)
        any_size = 8 * torch.randint(16, 129, shape, generator=self.generator, device=self.device)
        size = torch.where(self._chance(0.5)[:, None], 256, any_size).float()
        return torch.cat([size, torch.zeros_like(size), size], dim=1)

    def draw(self, denoiser: Denoiser) -> tuple:
        """Return the arguments of one training step's loss."""
        rows = self._choose(len(self.data))
        tokens, counted = self.texts(rows)
        latents = self.data.latents[rows].float()
        timesteps = self._choose(len(self.kept))
        kept = self.kept[timesteps]
        noise = torch.randn(latents.shape, generator=self.generator, device=self.device)
        noisy = kept.sqrt()[:, None, None, None] * latents + (1 - kept).sqrt()[:, None, None, None] * noise
        ratio = kept / (1 - kept)
        weights = ratio.clamp(max=_SNR_LIMIT) / ratio
        weights = weights.clamp(min=0.05)
        blocked = block_attention(denoiser.text, tokens)
        return (
            (tokens.ids, tokens.positions, blocked),
            noisy,
            timesteps,
            noise,
            weights,
            self.sizes(),
            self.data.labels[rows].long(),
            counted,
        )


class Trainer:
    """The training state: models, their running average, the optimizer, and how far it is."""

    def __init__(self, device: torch.device, seed: int = 0, compiled: bool = True) -> None:
        torch.manual_seed(seed)
        self.device = device
        self.denoiser = Denoiser().to(device).train()
        loss = _Loss(self.denoiser)
        self.loss = torch.compile(loss) if compiled else loss
        self.weights = [weight for weight in self.denoiser.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=_LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=device.type == "cuda"
        )
        self._first = [weight.detach().clone() for weight in self.weights]
        self.restart()

    def restart(self) -> None:
        """Go back to the start; what was compiled stays."""
        with torch.no_grad():
            for weight, first in zip(self.weights, self._first, strict=True):
                weight.copy_(first)
        self.optimizer.state.clear()
        self.average = [weight.clone() for weight in self._first]
        self.steps = 0

    def step(self, batches: Batches, progress: float) -> Tensor:
        """Take one step and return its losses: weighted, of the heads, and plain."""
        for group in self.optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * learning_rate(self.steps, progress, warmup=300)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            losses = self.loss(*batches.draw(self.denoiser))
        self.optimizer.zero_grad(set_to_none=True)
        (losses[0] + _HEADS_WEIGHT * losses[1]).backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.steps += 1
        share = min(_AVERAGE_OVER, self.steps / (self.steps + 10))
        torch._foreach_lerp_(self.average, [weight.detach() for weight in self.weights], 1 - share)
        return losses.detach()

    def averaged(self) -> Denoiser:
        """Return a copy of the models with the running average as weights."""
        copy = Denoiser().to(self.device).eval()
        copy.load_state_dict(self.denoiser.state_dict())
        with torch.no_grad():
            kept = [weight for weight in copy.parameters() if weight.requires_grad]
            for weight, mean in zip(kept, self.average, strict=True):
                weight.copy_(mean)
        return copy

    def save(self, work: Path, preview: bool = True) -> None:
        """Write the averaged weights, and pictures drawn with them."""
        copy = self.averaged()
        write_weights(copy.text, work / "weights" / "text_encoder.safetensors")
        write_weights(copy.unet, work / "weights" / "unet.safetensors")
        if preview:
            draw_preview(copy.text, copy.unet, work, self.steps)


def train_denoiser(
    trainer: Trainer, batches: Batches, work: Path, minutes: float, preview_every: float = 2.0
) -> None:
    """Train for `minutes`, with weights and pictures written every `preview_every` minutes and at the end."""
    started = shown = drawn = time.monotonic()
    recent: list[Tensor] = []
    while (progress := (time.monotonic() - started) / (60 * minutes)) < 1:
        recent.append(trainer.step(batches, progress))
        if len(recent) % 20 == 0:
            recent[-1].sum().item()  # keep the clock honest: don't run far ahead of the GPU
        if time.monotonic() - shown > 10:
            mean = torch.stack(recent).mean(dim=0).tolist()
            record = {"step": trainer.steps, "loss": round(mean[0], 4), "text": round(mean[1], 3)}
            record |= {"error": round(mean[2], 4), "progress": round(progress, 3)}
            print("unet " + json.dumps(record), flush=True)
            recent, shown = [], time.monotonic()
        if time.monotonic() - drawn > 60 * preview_every:
            trainer.save(work)
            drawn = time.monotonic()
    trainer.save(work)
    (work / "trained").touch()
