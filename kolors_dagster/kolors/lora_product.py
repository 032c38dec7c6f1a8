"""Matrix products with a LoRA in as few kernels as there are products, forward and backward."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class LoraProduct(NamedTuple):
    """What the LoRA of k layers with one input multiplies with, in the UNet's arithmetic: views of memory."""

    first: Tensor
    """Every A, (k · rank, in)."""
    second: Tensor
    """Every B, (k, out, rank)."""
    first_change: Tensor
    """Where the gradient of `first` goes, whatever was there."""
    second_change: Tensor
    weights: tuple[nn.Parameter, ...]
    """The fp32 matrices themselves, from which autograd sees that there is something to learn."""


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None, product: LoraProduct, scale: float) -> Tensor:
    """Return what k layers with one input make of it, side by side: (…, in) to (…, k · out).

    weight: (k · out, in), frozen, in the arithmetic of `product`.
    """
    result: Tensor = _Function.apply(x, weight, bias, scale, *product[:4], *product.weights)
    return result


class _Function(torch.autograd.Function):
    """y = W x + b + scale · B A x; gradients for x are returned, those of A and B put in their places."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        scale: float,
        first: Tensor,
        second: Tensor,
        *rest: Tensor,
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        inner = rows @ first.t()
        result = functional.linear(rows, weight, bias)
        _add_each(result, inner, second.transpose(1, 2), scale)
        ctx.save_for_backward(rows, inner, weight)
        # No inputs to be watched for changes: the optimizer changes them before the next step.
        ctx.lora = (first, second, *rest[:2])
        ctx.scale, ctx.weights = scale, len(rest) - 2
        return result.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, inner, weight = ctx.saved_tensors
        first, second, first_change, second_change = ctx.lora
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        back = torch.empty_like(inner)
        _add_each(back, gradient, second, ctx.scale, keep=0)
        torch.mm(back.t(), rows, out=first_change)
        _multiply_each(gradient, inner, ctx.scale, second_change)
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = (gradient @ weight).addmm_(back, first).view(*gradients[0].shape[:-1], -1)
        return for_x, *[None] * (7 + ctx.weights)


def _add_each(result: Tensor, left: Tensor, right: Tensor, scale: float, *, keep: int = 1) -> None:
    """Add scale · left_i @ right_i to the i-th columns of `result`, or with `keep` 0 put it in their place.

    result: (rows, k · m); left: (rows, k · n); right: (k, n, m).
    """
    if len(right) == 1:
        result.addmm_(left, right[0], beta=keep, alpha=scale)
        return
    parts = [each.view(len(each), len(right), -1).transpose(0, 1) for each in (result, left)]
    parts[0].baddbmm_(parts[1], right, beta=keep, alpha=scale)


def _multiply_each(left: Tensor, right: Tensor, scale: float, result: Tensor) -> None:
    """Put scale · left_iᵀ @ right_i in the place of each of `result` (k, m, n).

    left: (rows, k · m); right: (rows, k · n).
    """
    if len(result) == 1:
        result[0].addmm_(left.t(), right, beta=0, alpha=scale)
        return
    lefts, rights = (each.view(len(each), len(result), -1).transpose(0, 1) for each in (left, right))
    result.baddbmm_(lefts.transpose(1, 2), rights, beta=0, alpha=scale)
