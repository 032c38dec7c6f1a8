"""Kernels of the layer norm, with the addition that comes before it; some rows to a program."""

# ruff: noqa: ANN001, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

import torch
import triton
import triton.language as tl
from torch import Tensor

# Of a program: of what was tried on an H200 for `shift_norm`, as fast as any for every width.
_ROWS = 4
_ROWS_LEARNING = 1  # which take more registers


@triton.jit
def _place(count, width: tl.constexpr, block: tl.constexpr, rows: tl.constexpr):
    """Return a program's rows, its columns, where their values lie, and which of all these there are."""
    row = tl.program_id(0).to(tl.int64) * rows + tl.arange(0, rows)
    at = tl.arange(0, block)
    return row, at, row[:, None] * width + at[None, :], (row < count)[:, None] & (at < width)[None, :]


@triton.jit
def _load_across(ptr, at, width: tl.constexpr):
    return tl.load(ptr + at, mask=at < width, other=0.0).to(tl.float32)[None, :]


@triton.jit
def _norm(x, inside, eps, width: tl.constexpr):
    """Return x less its rows' means, these means, and 1 / deviation."""
    mean = tl.sum(x, 1) / width
    centred = tl.where(inside, x - mean[:, None], 0.0)
    return centred, mean, 1.0 / tl.sqrt(tl.sum(centred * centred, 1) / width + eps)


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
    count,
    width: tl.constexpr,
    adds: tl.constexpr,
    block: tl.constexpr,
    rows: tl.constexpr,
):
    row, at, place, inside = _place(count, width, block, rows)
    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)
    if adds:
        x += tl.load(change_ptr + place, mask=inside, other=0.0).to(tl.float32)
        kept = x.to(total_ptr.dtype.element_ty)
        tl.store(total_ptr + place, kept, mask=inside)
        x = kept.to(tl.float32)
    centred, mean, rstd = _norm(x, inside, eps, width)
    out = centred * rstd[:, None] * _load_across(weight_ptr, at, width) + _load_across(bias_ptr, at, width)
    tl.store(out_ptr + place, out.to(out_ptr.dtype.element_ty), mask=inside)
    tl.store(mean_ptr + row, mean, mask=row < count)
    tl.store(rstd_ptr + row, rstd, mask=row < count)


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
    _, at, place, inside = _place(count, width, block, rows)
    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32) + _load_across(shift_ptr, at, width)
    centred, _, rstd = _norm(x, inside, eps, width)
    out = centred * rstd[:, None] * _load_across(weight_ptr, at, width) + _load_across(bias_ptr, at, width)
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
    count,
    width: tl.constexpr,
    block: tl.constexpr,
    rows: tl.constexpr,
):
    row, at, place, inside = _place(count, width, block, rows)
    x = tl.load(total_ptr + place, mask=inside, other=0.0).to(tl.float32)
    grad = tl.load(grad_out_ptr + place, mask=inside, other=0.0).to(tl.float32)
    mean = tl.load(mean_ptr + row, mask=row < count, other=0.0)[:, None]
    rstd = tl.load(rstd_ptr + row, mask=row < count, other=0.0)[:, None]
    hat = tl.where(inside, (x - mean) * rstd, 0.0)
    scaled = grad * _load_across(weight_ptr, at, width)
    first, second = tl.sum(scaled, 1) / width, tl.sum(scaled * hat, 1) / width
    out = (scaled - first[:, None] - hat * second[:, None]) * rstd
    out += tl.load(grad_total_ptr + place, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + place, out.to(out_ptr.dtype.element_ty), mask=inside)


def add_norm(
    x: Tensor, change: Tensor | None, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x + change (…, c), its layer norm, and the mean and 1 / deviation of every row."""
    width, rows = x.shape[-1], x.numel() // x.shape[-1]
    total = x if change is None else x.new_empty(x.shape)
    out = x.new_empty(x.shape)
    mean, rstd = (x.new_empty(rows, dtype=torch.float32) for _ in range(2))
    _add_norm[(triton.cdiv(rows, _ROWS_LEARNING),)](
        x, x if change is None else change, weight, bias, total, out, mean, rstd, eps, rows,
        width, change is not None, triton.next_power_of_2(width), _ROWS_LEARNING,
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
    rows, block = len(mean), triton.next_power_of_2(width)
    _add_norm_back[(triton.cdiv(rows, _ROWS_LEARNING),)](
        total, grad_total, grad_out, weight, mean, rstd, out, rows, width, block, _ROWS_LEARNING
    )
    return out
