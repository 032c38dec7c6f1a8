"""Kernel of a matrix product with GEGLU at its end: what GEGLU takes is never written to memory.

For Hopper, whose memory engine fetches tiles (TMA) into the 144 KiB that they take. A program per
multiprocessor goes through the tiles of the result in a fixed order, so that results repeat to the bit.
"""

# ruff: noqa: ANN001, ANN201, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

# Lists of arguments by the line, not one to a line:
# fmt: off
import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

ROWS, OUTPUTS, INPUTS = 128, 128, 64  # of a tile: of what was tried on an H100, the fastest for every shape
_HOPPER = 9
_GROUP = 8  # tiles one below the other, which share what the cache has of the weight
_OPTIONS = {"num_warps": 8, "num_stages": 3}


@triton.jit
def gelu(x):
    """Return x times the normal distribution's share below it, wrong by less than 5e-5.

    A polynomial, for tensor cores wait for what comes between two tiles: exponential and division took six
    hundredths of the whole product. Fitted to erf at Chebyshev's points up to 4.5, and constant from there.
    """
    near = tl.minimum(tl.maximum(x, -4.5), 4.5)
    s = near * near
    series = ((1.63114786e-10 - 1.33451681e-12 * s) * s - 8.91021656e-09) * s + 2.89170032e-07
    series = ((series * s - 6.26918245e-06) * s + 9.70236724e-05) * s - 0.00111814821
    series = ((series * s + 0.00981942192) * s - 0.0663163662) * s + 0.398872882
    return x * (0.5 + near * series)


@triton.jit
def _multiply_gated(
    x, weight, bias_ptr, out, count, outputs, inputs, rows: tl.constexpr, width: tl.constexpr, depth:
    tl.constexpr, group: tl.constexpr, programs: tl.constexpr,
):
    below, beside = tl.cdiv(count, rows), tl.cdiv(outputs, width)
    for tile in tl.range(tl.program_id(0), below * beside, programs, flatten=True):
        top = tile // (group * beside) * group
        tall = tl.minimum(below - top, group)
        row = (top + tile % (group * beside) % tall) * rows
        column = tile % (group * beside) // tall * width
        total = tl.zeros((rows, 2 * width), tl.float32)
        for start in range(0, inputs, depth):
            # (2, width, depth): the rows for the values and, as far down as there are outputs, for the gates
            both = weight.load([0, column, start]).reshape(2 * width, depth)
            total = tl.dot(x.load([row, start]), both.T, total)
        value, gate = tl.split(tl.permute(tl.reshape(total, (rows, 2, width)), (0, 2, 1)))
        at = column + tl.arange(0, width)
        value += tl.load(bias_ptr + at).to(tl.float32)[None, :]
        gate += tl.load(bias_ptr + outputs + at).to(tl.float32)[None, :]
        out.store([row, column], (value * gelu(gate)).to(out.dtype))


def can_multiply(x: Tensor, weight: Tensor) -> bool:
    """Return whether `multiply_gated` takes these, on the GPU they are on."""
    outputs, inputs = weight.shape
    fits = outputs % (2 * OUTPUTS) == 0 and inputs % INPUTS == 0 and weight.is_contiguous()
    return fits and torch.cuda.get_device_capability(x.device)[0] == _HOPPER


def multiply_gated(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return GEGLU of x (n, in) through a linear layer, (n, out), of its weight (2 · out, in) and bias.

    All are contiguous, in one arithmetic of 16 bits; out is a multiple of `OUTPUTS`, in one of `INPUTS`.
    """
    (count, inputs), outputs = x.shape, len(weight) // 2
    out = x.new_empty((count, outputs))
    tiles = triton.cdiv(count, ROWS) * (outputs // OUTPUTS)
    programs = min(tiles, _count_multiprocessors(x.device))
    _multiply_gated[(programs,)](
        _describe(x, ROWS, INPUTS), _describe(weight.view(2, outputs, inputs), 2, OUTPUTS, INPUTS), bias,
        _describe(out, ROWS, OUTPUTS), count, outputs, inputs, ROWS, OUTPUTS, INPUTS, _GROUP, programs,
        **_OPTIONS,
    )
    return out


def _describe(tensor: Tensor, *tile: int) -> TensorDescriptor:
    return TensorDescriptor(tensor, list(tensor.shape), list(tensor.stride()), list(tile))


def _count_multiprocessors(device: torch.device) -> int:
    count: int = torch.cuda.get_device_properties(device).multi_processor_count
    return count
