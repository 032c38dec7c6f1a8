"""A residual block of pictures: two convolutions, norms before them, and the way past them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.fused_functions import add_bias, group_norm, group_norm_joined


def add_convolved(block: Any, x: Tensor, shift: Tensor | None, beside: Tensor | None = None) -> Tensor:
    """Return `x` with what a residual block adds to it; `shift` (n, c) comes after its first convolution.

    `beside`: further channels of `x`, which are not joined with it if that can be helped: their copy alone
    takes a hundredth of a step.
    """
    if beside is not None and not _reads_apart(block):
        x, beside = torch.cat([x, beside], dim=1), None
    if beside is None:
        normed = group_norm(x, block.norm1, silu=True)
    else:
        normed = group_norm_joined(x, beside, block.norm1)
    hidden, bias = _convolve(block.conv1, normed)
    if bias is not None:
        shift = bias.expand(len(x), -1) if shift is None else shift + bias
    hidden = group_norm(hidden, block.norm2, shift, silu=True)
    hidden, bias = _convolve(block.conv2, hidden)
    if block.conv_shortcut is not None:
        x, other = _shorten(block.conv_shortcut, x, beside)
        bias = other if bias is None else bias if other is None else bias + other
    return x + hidden if bias is None else add_bias(x, hidden, bias)


def _reads_apart(block: Any) -> bool:
    """Return whether two tensors can stand for one: nothing is learnt, and the way past is a plain layer."""
    return not torch.is_grad_enabled() and type(block.conv_shortcut) is nn.Conv2d


def _shorten(layer: Any, x: Tensor, beside: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return `_convolve` of both, by a `layer` that looks at one pixel, and is plain where there are two."""
    if beside is None:
        return _convolve(layer, x)
    (count, own, height, width), weight = x.shape, layer.weight[:, :, 0, 0]
    rows, others = (part.permute(0, 2, 3, 1).reshape(-1, part.shape[1]) for part in (x, beside))
    out = (rows @ weight[:, :own].t()).addmm_(others, weight[:, own:].t())
    return out.view(count, height, width, -1).permute(0, 3, 1, 2), layer.bias


def _convolve(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the convolution of `x` and the bias that is still to be added; a LoRA's layer adds its own."""
    if type(layer) is not nn.Conv2d:
        return layer(x), None
    return functional.conv2d(x, layer.weight, None, layer.stride, layer.padding), layer.bias
