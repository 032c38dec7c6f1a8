"""A judge of pictures: a small network that reads a scene's attributes, trained on drawn scenes alone."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.mini.drawings.scene import ATTRIBUTES

JUDGED = ("hair_colour", "hair_length", "dress_colour", "place", "pose")
_NAMES = list(ATTRIBUTES)
_SIDE = 128


class Judge(nn.Module):
    """Pictures (n, 3, 128, 128) in [-1, 1] to logits for every judged attribute."""

    def __init__(self) -> None:
        super().__init__()
        widths = (32, 64, 128, 192, 256)
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 5, padding=2)]
        for before, after in pairwise(widths):
            layers += [_Block(before), nn.Conv2d(before, after, 3, stride=2, padding=1)]
        layers += [
            _Block(widths[-1]),
            nn.GroupNorm(8, widths[-1]),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
        ]
        self.features = nn.Sequential(*layers, nn.Linear(16 * widths[-1], 512), nn.SiLU(), nn.Dropout(0.2))
        self.heads = nn.ModuleList(nn.Linear(512, len(ATTRIBUTES[name])) for name in JUDGED)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Return logits (n, values) for each of `JUDGED`."""
        features = self.features(pixels)
        return [head(features) for head in self.heads]


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def shrink(pictures: Tensor) -> Tensor:
    """Return bytes (n, h, w, 3) as (n, 3, 128, 128) in [-1, 1]."""
    pixels = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    return functional.interpolate(pixels, size=(_SIDE, _SIDE), mode="area")


def load_scenes(folder: Path, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return small plain training pictures (n, 3, 128, 128) in fp16 and their labels (n, attributes)."""
    pictures, labels = [], []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as shard:
            if shard["styled"]:
                continue
            pictures.append(shrink(torch.from_numpy(shard["pictures"]).to(device)).half())
            labels.append(torch.from_numpy(shard["labels"].astype(np.int64)).to(device))
        if sum(map(len, labels)) >= count:
            break
    return torch.cat(pictures), torch.cat(labels)


def train_judge(pictures: Tensor, labels: Tensor, steps: int, batch: int = 256) -> Judge:
    """Train a judge on drawn scenes; what a close-up or tied hair hides is not asked for."""
    torch.manual_seed(0)
    device = pictures.device
    judge = Judge().to(device).train()
    optimizer = torch.optim.AdamW(judge.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps, pct_start=0.1)
    close = labels[:, _NAMES.index("framing")] == ATTRIBUTES["framing"].index("close")
    tied = labels[:, _NAMES.index("hair_tie")] != 0
    ignored = {"pose": close, "hair_length": tied, "dress_colour": torch.zeros_like(tied)}
    targets = []
    for name in JUDGED:
        target = labels[:, _NAMES.index(name)].clone()
        target[ignored.get(name, torch.zeros_like(tied))] = -100
        targets.append(target)
    generator = torch.Generator(device).manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(pictures), (batch,), generator=generator, device=device)
        pixels = _disturb(pictures[rows].float(), generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = judge(pixels)
        loss = sum(
            functional.cross_entropy(part.float(), target[rows])
            for part, target in zip(logits, targets, strict=True)
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


def _disturb(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, shift, blur and dull some pictures, so that the judge looks at shapes, not at single pixels."""
    count, device = len(pixels), pixels.device

    def chance(share: float) -> Tensor:
        return (torch.rand(count, generator=generator, device=device) < share)[:, None, None, None]

    pixels = torch.where(chance(0.5), pixels.flip(3), pixels)
    by = torch.randint(-6, 7, (2,), generator=generator, device=device).tolist()
    pixels = pixels.roll(by, dims=(2, 3))
    blurred = functional.avg_pool2d(functional.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    pixels = torch.where(chance(0.4), blurred, pixels)
    level = torch.empty(count, 1, 1, 1, device=device).uniform_(0.92, 1.08, generator=generator)
    return pixels * level + 0.03 * torch.randn(pixels.shape, generator=generator, device=device)


@torch.no_grad()
def judge_pictures(judge: Judge, pictures: Tensor) -> Tensor:
    """Return the number of each judged attribute's value, (n, 5)."""
    device = next(judge.parameters()).device
    answers = []
    for part in pictures.split(128):
        answers.append(
            torch.stack([logits.argmax(dim=1) for logits in judge(shrink(part.to(device)))], dim=1)
        )
    return torch.cat(answers)
