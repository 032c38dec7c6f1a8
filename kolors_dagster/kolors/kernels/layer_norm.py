"""Kernels of the layer norm, with the addition that comes before it; a row to a program, or some."""

# ruff: noqa: ANN001, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

import torch
import triton
import triton.language as tl
from torch import Tensor

_ROWS = 4  # of a program of `shift_norm`, a warp each: of what was tried on an H200, the best for all widths


@triton.jit
def _add_norm(
    x_ptr,
    change_ptr,
    weight_ptr,
    bias_ptr,
    total_ptr,
    out_ptr,
    mean_ptr,
    rstd_ptr,
    eps,
    width: tl.constexpr,
    adds: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, block)
    inside = at < width
    x = tl.load(x_ptr + row * width + at, mask=inside, other=0.0).to(tl.float32)
    if adds:
        x += tl.load(change_ptr + row * width + at, mask=inside, other=0.0).to(tl.float32)
        kept = x.to(total_ptr.dtype.element_ty)
        tl.store(total_ptr + row * width + at, kept, mask=inside)
        x = kept.to(tl.float32)
    mean = tl.sum(x, 0) / width
    centred = tl.where(inside, x - mean, 0.0)
    rstd = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / width + eps)
    weight = tl.load(weight_ptr + at, mask=inside, other=0.0).to(tl.float32)
    bias = tl.load(bias_ptr + at, mask=inside, other=0.0).to(tl.float32)
    out = centred * rstd * weight + bias
    tl.store(out_ptr + row * width + at, out.to(out_ptr.dtype.element_ty), mask=inside)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)


@triton.jit
def _shift_norm(
    x_ptr,
    shift_ptr,
    weight_ptr,
    bias_ptr,
    out_ptr,
    eps,
    count,
    width: tl.constexpr,
    block: tl.constexpr,
    rows: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64) * rows + tl.arange(0, rows)
    at = tl.arange(0, block)
    across = at < width
    place, inside = row[:, None] * width + at[None, :], (row < count)[:, None] & across[None, :]
    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)
    x += tl.load(shift_ptr + at, mask=across, other=0.0)[None, :]
    centred = tl.where(inside, x - (tl.sum(x, 1) / width)[:, None], 0.0)
    rstd = 1.0 / tl.sqrt(tl.sum(centred * centred, 1) / width + eps)
    weight = tl.load(weight_ptr + at, mask=across, other=0.0).to(tl.float32)[None, :]
    bias = tl.load(bias_ptr + at, mask=across, other=0.0).to(tl.float32)[None, :]
    out = centred * rstd[:, None] * weight + bias
    tl.store(out_ptr + place, out.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _add_norm_back(
    total_ptr,
    grad_total_ptr,
    grad_out_ptr,
    weight_ptr,
    mean_ptr,
    rstd_ptr,
    out_ptr,
    width: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, block)
    inside = at < width
    x = tl.load(total_ptr + row * width + at, mask=inside, other=0.0).to(tl.float32)
    grad = tl.load(grad_out_ptr + row * width + at, mask=inside, other=0.0).to(tl.float32)
    weight = tl.load(weight_ptr + at, mask=inside, other=0.0).to(tl.float32)
    rstd = tl.load(rstd_ptr + row)
    hat = tl.where(inside, (x - tl.load(mean_ptr + row)) * rstd, 0.0)
    scaled = grad * weight
    first, second = tl.sum(scaled, 0) / width, tl.sum(scaled * hat, 0) / width
    out = (scaled - first - hat * second) * rstd
    out += tl.load(grad_total_ptr + row * width + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + row * width + at, out.to(out_ptr.dtype.element_ty), mask=inside)


def add_norm(
    x: Tensor, change: Tensor | None, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x + change (…, c), its layer norm, and the mean and 1 / deviation of every row."""
    width, rows = x.shape[-1], x.numel() // x.shape[-1]
    total = x if change is None else x.new_empty(x.shape)
    out = x.new_empty(x.shape)
    mean, rstd = (x.new_empty(rows, dtype=torch.float32) for _ in range(2))
    _add_norm[(rows,)](
        x, x if change is None else change, weight, bias, total, out, mean, rstd, eps,
        width, change is not None, triton.next_power_of_2(width),
    )  # fmt: skip
    return total, out, mean, rstd


def shift_norm(x: Tensor, shift: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return the layer norm of x (…, c) + shift (c), which is fp32."""
    width, out = x.shape[-1], x.new_empty(x.shape)
    rows = x.numel() // width
    _shift_norm[(triton.cdiv(rows, _ROWS),)](
        x, shift, weight, bias, out, eps, rows, width, triton.next_power_of_2(width), _ROWS
    )
    return out


def add_norm_back(
    total: Tensor, grad_total: Tensor, grad_out: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor
) -> Tensor:
    """Return the gradient for x, which is that for the change too."""
    width = total.shape[-1]
    out = total.new_empty(total.shape)
    _add_norm_back[(len(mean),)](
        total, grad_total, grad_out, weight, mean, rstd, out, width, triton.next_power_of_2(width)
    )
    return out
