"""Kernel of a matrix product with GEGLU at its end: what GEGLU takes is never written to memory.

For Hopper, whose memory engine fetches tiles (TMA) into the 144 KiB that they take. A program per
multiprocessor goes through the tiles of the result in a fixed order, so that results repeat to the bit.
"""

# ruff: noqa: ANN001, ANN202 (Triton has types of its own)
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
def _gelu(x):
    """Return x times the normal distribution's share below it, by a shorter series than that of `tl.erf`.

    Source: Abramowitz and Stegun 1964, 7.1.26, halved: the share is wrong by less than 1e-7. Where little of
    it is left, that little is computed itself, not as what is missing from one.
    """
    t = 1.0 / (1.0 + 0.23164190 * tl.abs(x))
    series = ((0.5307027145 * t - 0.7265760135) * t + 0.7107068705) * t
    rest = ((series - 0.142248368) * t + 0.127414796) * t * tl.exp(-0.5 * x * x)
    return x * tl.where(x >= 0, 1.0 - rest, rest)


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
        out.store([row, column], (value * _gelu(gate)).to(out.dtype))


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
