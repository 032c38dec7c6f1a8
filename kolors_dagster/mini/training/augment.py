"""Plain pictures made strange for the autoencoder: so that it can hold styles that nobody showed it."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

_CHANGED = 0.15  # pictures that are changed at all; each kind of change comes to half of them
_GREY = (0.299, 0.587, 0.114)


def make_strange(pixels: Tensor, generator: Generator) -> Tensor:
    """Return pictures (n, 3, h, w) in [-1, 1], some of them with changed colours, light, paper or margin.

    With half of them changed the plain pictures came out at 22 dB, in the shipped run with 15 % at 25; but
    other things changed between those two runs too, so how much of it the share alone costs is not known.
    """
    light = pixels / 2 + 0.5
    for change in (_mix_colours, _bend_light, _glow, _darken_edges, _lay_on_paper, _add_margin):
        chosen = _by_lot(light, generator, 0, 1) < 0.5
        light = torch.where(chosen, change(light, generator), light)
    changed = _by_lot(light, generator, 0, 1) < _CHANGED
    return torch.where(changed, light.clamp(0, 1) * 2 - 1, pixels)


def _by_lot(like: Tensor, generator: Generator, low: float, high: float, channels: int = 1) -> Tensor:
    """Return a number for each picture, or each of its channels: (n, channels, 1, 1)."""
    shape = (len(like), channels, 1, 1)
    return low + (high - low) * torch.rand(shape, generator=generator, device=like.device)


def _mix_colours(light: Tensor, generator: Generator) -> Tensor:
    """Wash colours out towards grey or a tint, or mix the channels."""
    count, device = len(light), light.device
    grey = (light * torch.tensor(_GREY, device=device).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    tint = _by_lot(light, generator, 0.6, 1.2, 3)
    dull = torch.lerp(light, grey * tint, _by_lot(light, generator, 0, 1).sqrt())
    mixing = torch.rand((count, 3, 3), generator=generator, device=device) ** 2
    mixing = mixing / mixing.sum(dim=2, keepdim=True)
    mixed = torch.einsum("nij,njhw->nihw", mixing, light)
    return torch.where(_by_lot(light, generator, 0, 1) < 0.6, dull, mixed)


def _bend_light(light: Tensor, generator: Generator) -> Tensor:
    """Change gamma, contrast and brightness."""
    gamma = torch.exp(_by_lot(light, generator, -0.8, 0.8))
    contrast, middle = _by_lot(light, generator, 0.5, 1.5), _by_lot(light, generator, 0.3, 0.7)
    return (((light.clamp(1e-3, 1) ** gamma) - 0.5) * contrast + middle).clamp(0, 1)


def _glow(light: Tensor, generator: Generator) -> Tensor:
    """Let bright places shine over their surroundings."""
    bright = (light - _by_lot(light, generator, 0.4, 0.8)).clamp(min=0)
    small = functional.avg_pool2d(functional.avg_pool2d(bright, 8), 3, stride=1, padding=1)
    halo = functional.interpolate(small, size=light.shape[2:], mode="bilinear")
    return light + halo * _by_lot(light, generator, 0.3, 1.5) * _by_lot(light, generator, 0.3, 1, 3)


def _darken_edges(light: Tensor, generator: Generator) -> Tensor:
    """Darken or pale what is far from the middle."""
    axes = [torch.linspace(-1, 1, side, device=light.device) for side in light.shape[2:]]
    far = (axes[0][:, None] ** 2 + axes[1][None] ** 2)[None, None] / 2
    share = far ** _by_lot(light, generator, 0.7, 3) * _by_lot(light, generator, 0.2, 0.9)
    return torch.lerp(light, _by_lot(light, generator, 0, 1, 3).expand_as(light), share)


def _lay_on_paper(light: Tensor, generator: Generator) -> Tensor:
    """Give the picture a grain, fine and coarse."""
    count, _, height, width = light.shape
    grain = torch.zeros((count, 1, height, width), device=light.device)
    for size in (1, 2, 4, 16):
        shape = (count, 1, height // size, width // size)
        noise = torch.randn(shape, generator=generator, device=light.device)
        noise = functional.interpolate(noise, size=(height, width), mode="bilinear")
        grain = grain + noise * _by_lot(light, generator, 0, 0.04)
    return light + grain * (0.4 + light.mean(dim=1, keepdim=True))


def _add_margin(light: Tensor, generator: Generator) -> Tensor:
    """Fade the picture into a frame of one colour, more or less softly."""
    axes = [torch.linspace(-1, 1, side, device=light.device).abs() for side in light.shape[2:]]
    out = torch.maximum(axes[0][:, None], axes[1][None])[None, None]
    out = out + 0.02 * functional.interpolate(
        torch.randn((len(light), 1, 16, 16), generator=generator, device=light.device),
        size=light.shape[2:],
        mode="bicubic",
    )
    share = ((out - _by_lot(light, generator, 0.75, 1)) / _by_lot(light, generator, 0.01, 0.2)).clamp(0, 1)
    paper = _by_lot(light, generator, 0, 1) < 0.6
    colour = torch.where(paper, _by_lot(light, generator, 0.85, 1, 3), _by_lot(light, generator, 0, 1, 3))
    return torch.lerp(light, colour.expand_as(light), share)
