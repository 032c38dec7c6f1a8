"""A judge of pictures: a small network that reads attributes and style, trained on drawn scenes alone."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.mini_scenes import ALL_STYLES, JUDGED_SIDE
from kolors_dagster.mini.drawings.scene import ATTRIBUTES, Scene

JUDGED = ("hair_colour", "hair_length", "dress_colour", "place", "pose")
_HEADS = {**{name: len(ATTRIBUTES[name]) for name in (*JUDGED, "thing")}, "style": len(ALL_STYLES)}
_NAMES = list(ATTRIBUTES)


class Judge(nn.Module):
    """Pictures (n, 3, 128, 128) in [-1, 1] to logits for every judged attribute, thing and style."""

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
        self.heads = nn.ModuleList(nn.Linear(512, count) for count in _HEADS.values())

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Return logits (n, values) for each of `JUDGED`, thing and style."""
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
    return functional.interpolate(pixels, size=(JUDGED_SIDE, JUDGED_SIDE), mode="area")


def load_lessons(
    scenes: Path, count: int, styled: Path, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return pictures (n, 3, 128, 128) in fp16, attributes and style numbers.

    First `count` training pictures out of the shards in `scenes`, then those of `draw_lessons`.
    """
    pictures, labels = [], []
    for path in sorted(scenes.glob("*.npz")):
        with np.load(path) as shard:
            pictures.append(shrink(torch.from_numpy(shard["pictures"]).to(device)).half())
            labels.append(torch.from_numpy(shard["labels"].astype(np.int64)))
        if sum(map(len, labels)) >= count:
            break
    styles = torch.zeros(sum(map(len, labels)), dtype=torch.int64)
    with np.load(styled) as lessons:
        pictures += [
            shrink(part.to(device)).half() for part in torch.from_numpy(lessons["pictures"]).split(512)
        ]
        labels.append(torch.from_numpy(lessons["labels"].astype(np.int64)))
        styles = torch.cat([styles, torch.from_numpy(lessons["styles"])])
    return torch.cat(pictures), torch.cat(labels).to(device), styles.to(device)


def train_judge(pictures: Tensor, labels: Tensor, styles: Tensor, steps: int, batch: int = 256) -> Judge:
    """Train a judge on drawn scenes, half of each batch in the plain style.

    In the loss of the head that reads the style each of the five weighs the same, so that no prior is against
    a style. What a close-up or tied hair hides is not asked for.
    """
    torch.manual_seed(0)
    device = pictures.device
    judge = Judge().to(device).train()
    schedule_length = max(2, steps)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.5e-3, total_steps=schedule_length, pct_start=0.1
    )
    targets = _targets(labels, styles)
    groups = [(styles == 0).nonzero()[:, 0], (styles > 0).nonzero()[:, 0]]
    generator = torch.Generator(device).manual_seed(0)
    others = len(ALL_STYLES) - 1
    fair = torch.tensor([1.0] + [float(others)] * others, device=device)  # they share the other half
    weights = [fair if name == "style" else None for name in _HEADS]
    for _ in range(steps):
        rows = torch.cat(
            [
                group[torch.randint(len(group), (batch // 2,), generator=generator, device=device)]
                for group in groups
            ]
        )
        pixels = _disturb(pictures[rows].float(), generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = judge(pixels)
        loss = sum(
            functional.cross_entropy(part.float(), target[rows], weight)
            for part, target, weight in zip(logits, targets, weights, strict=True)
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


def _targets(labels: Tensor, styles: Tensor) -> list[Tensor]:
    close = labels[:, _NAMES.index("framing")] == ATTRIBUTES["framing"].index("close")
    ignored = {"pose": close, "thing": close, "hair_length": labels[:, _NAMES.index("hair_tie")] != 0}
    targets = []
    for name in _HEADS:
        target = styles.clone() if name == "style" else labels[:, _NAMES.index(name)].clone()
        if name in ignored:
            target[ignored[name]] = -100
        targets.append(target)
    return targets


def _disturb(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, shift, bend, blur and dull some pictures: the judge is to look at shapes and colours.

    A diffusion model draws softer lines and less even shapes than the renderer, in every style.
    """
    count, device = len(pixels), pixels.device

    def chance(share: float) -> Tensor:
        return (torch.rand(count, generator=generator, device=device) < share)[:, None, None, None]

    pixels = torch.where(chance(0.5), pixels.flip(3), pixels)
    by = torch.randint(-6, 7, (2,), generator=generator, device=device).tolist()
    pixels = pixels.roll(by, dims=(2, 3))
    pixels = torch.where(chance(0.5), _bend(pixels, generator), pixels)
    for share in (0.5, 0.3):
        pixels = torch.where(chance(share), _blur(pixels), pixels)
    level = torch.empty(count, 1, 1, 1, device=device).uniform_(0.92, 1.08, generator=generator)
    return pixels * level + 0.03 * torch.randn(pixels.shape, generator=generator, device=device)


def _bend(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Move every part of the pictures (n, c, s, s) by some two pixels, neighbours alike."""
    count, _, side, _ = pixels.shape
    coarse = torch.randn(count, 2, 8, 8, generator=generator, device=pixels.device) * (4 / side)
    moved = functional.interpolate(coarse, size=(side, side), mode="bicubic").permute(0, 2, 3, 1)
    as_is = torch.eye(2, 3, device=pixels.device).expand(count, -1, -1)
    grid = functional.affine_grid(as_is, [count, 1, side, side], align_corners=False)
    return functional.grid_sample(pixels, grid + moved, padding_mode="border", align_corners=False)


def _blur(pixels: Tensor) -> Tensor:
    return functional.avg_pool2d(functional.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


@torch.no_grad()
def read(judge: Judge, pictures: Tensor) -> dict[str, Tensor]:
    """Return what the judge sees in pictures (bytes): the number of a value (n,) for each of its heads."""
    device = next(judge.parameters()).device
    answers = [
        torch.stack([logits.argmax(dim=1) for logits in judge(shrink(part.to(device)))], dim=1).cpu()
        for part in pictures.split(128)
    ]
    return dict(zip(_HEADS, torch.cat(answers).unbind(dim=1), strict=True))


def measure_accuracy(judge: Judge, pictures: Tensor, scenes: list[Scene]) -> dict[str, float]:
    """Return the share of pictures in which the judge sees what the scene says, by attribute."""
    seen = read(judge, pictures)
    right = torch.stack(
        [
            seen[name] == torch.tensor([ATTRIBUTES[name].index(getattr(scene, name)) for scene in scenes])
            for name in JUDGED
        ],
        dim=1,
    ).float()
    shares = {name: round(float(share), 3) for name, share in zip(JUDGED, right.mean(dim=0), strict=True)}
    return shares | {"all five": round(float(right.prod(dim=1).mean()), 3)}


def measure_style(judge: Judge, pictures: Tensor, style: str) -> float:
    """Return the share of pictures in which the judge sees `style`."""
    return round(float((read(judge, pictures)["style"] == ALL_STYLES.index(style)).float().mean()), 3)
