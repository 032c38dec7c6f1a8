"""Kernel that brings rows to 8 bits, each by a scale of its own, alone or after GEGLU; a row to a program."""

# ruff: noqa: ANN001, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

import torch
import triton
import triton.language as tl
from torch import Tensor

_WIDE = 4096  # values a row, from which on a program takes eight warps


@triton.jit
def _quantize_rows(
    x_ptr,
    out_ptr,
    scale_ptr,
    smallest: tl.constexpr,
    largest: tl.constexpr,
    width: tl.constexpr,
    gated: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, block)
    inside = at < width
    if gated:
        place = x_ptr + row * 2 * width + at
        x = tl.load(place, mask=inside, other=0.0).to(tl.float32)
        gate = tl.load(place + width, mask=inside, other=0.0).to(tl.float32)
        x = x * 0.5 * gate * (1.0 + tl.erf(gate * 0.7071067811865476))
    else:
        x = tl.load(x_ptr + row * width + at, mask=inside, other=0.0).to(tl.float32)
    # A row with NaN gets an infinite scale, so that its products are not finite whatever the rest is.
    greatest = tl.max(tl.where(x == x, tl.abs(x), float("inf")), 0)
    scale = tl.maximum(greatest, smallest) / largest
    out = tl.clamp(x / scale, -largest, largest)
    tl.store(out_ptr + row * width + at, out.to(out_ptr.dtype.element_ty), mask=inside)
    tl.store(scale_ptr + row, scale)


def quantize_rows(x: Tensor, dtype: torch.dtype, smallest: float, gated: bool) -> tuple[Tensor, Tensor]:
    """Return contiguous x (…, c) as (rows, c) of `dtype` and the scales (rows, 1), fp32, to multiply it by.

    The largest value of a row, but at least `smallest`, becomes the largest that `dtype` has. `gated`: x is
    (…, 2c), and its first half times the GELU of the second is what is quantized.
    """
    width = x.shape[-1] // 2 if gated else x.shape[-1]
    rows = x.numel() // x.shape[-1]
    out, scale = x.new_empty((rows, width), dtype=dtype), x.new_empty((rows, 1), dtype=torch.float32)
    _quantize_rows[(rows,)](
        x, out, scale, smallest, torch.finfo(dtype).max, width, gated, triton.next_power_of_2(width),
        num_warps=8 if width >= _WIDE else 4,
    )  # fmt: skip
    return out, scale
