"""Kernels for what is computed value by value."""

# ruff: noqa: ANN001, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024


@triton.jit
def _geglu(x_ptr, out_ptr, width, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * block + tl.arange(0, block)
    inside = at < width
    value = tl.load(x_ptr + row * 2 * width + at, mask=inside).to(tl.float32)
    gate = tl.load(x_ptr + row * 2 * width + width + at, mask=inside).to(tl.float32)
    out = value * 0.5 * gate * (1.0 + tl.erf(gate * 0.7071067811865476))
    tl.store(out_ptr + row * width + at, out.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _geglu_back(x_ptr, grad_ptr, out_ptr, width, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * block + tl.arange(0, block)
    inside = at < width
    place = row * 2 * width + at
    value = tl.load(x_ptr + place, mask=inside).to(tl.float32)
    gate = tl.load(x_ptr + place + width, mask=inside).to(tl.float32)
    grad = tl.load(grad_ptr + row * width + at, mask=inside).to(tl.float32)
    normal = 0.5 * (1.0 + tl.erf(gate * 0.7071067811865476))
    slope = normal + gate * 0.3989422804014327 * tl.exp(-0.5 * gate * gate)
    kind = out_ptr.dtype.element_ty
    tl.store(out_ptr + place, (grad * gate * normal).to(kind), mask=inside)
    tl.store(out_ptr + place + width, (grad * value * slope).to(kind), mask=inside)


@triton.jit
def _add_bias(x_ptr, y_ptr, bias_ptr, out_ptr, count, channels, block: tl.constexpr):
    start = tl.program_id(0).to(tl.int64) * block
    at = start + tl.arange(0, block)
    inside = at < count
    channel = ((start % channels).to(tl.int32) + tl.arange(0, block)) % channels
    out = tl.load(x_ptr + at, mask=inside).to(tl.float32) + tl.load(y_ptr + at, mask=inside).to(tl.float32)
    out += tl.load(bias_ptr + channel, mask=inside).to(tl.float32)
    tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty), mask=inside)


def geglu(x: Tensor) -> Tensor:
    """Return (…, c), the first half times the GELU of the second, of contiguous (…, 2c)."""
    width = x.shape[-1] // 2
    out = x.new_empty((*x.shape[:-1], width))
    _geglu[(out.numel() // width, triton.cdiv(width, _BLOCK))](x, out, width, _BLOCK)
    return out


def geglu_back(x: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient for `x`, from that for the result."""
    width = grad.shape[-1]
    out = x.new_empty(x.shape)
    _geglu_back[(grad.numel() // width, triton.cdiv(width, _BLOCK))](x, grad, out, width, _BLOCK)
    return out


def add_bias(x: Tensor, y: Tensor, bias: Tensor) -> Tensor:
    """Return x + y, both (…, c), + bias (c)."""
    out = x.new_empty(x.shape)
    _add_bias[(triton.cdiv(x.numel(), _BLOCK),)](x, y, bias, out, x.numel(), x.shape[-1], _BLOCK)
    return out
