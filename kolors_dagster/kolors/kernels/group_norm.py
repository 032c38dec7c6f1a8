"""Kernels of the group norm of pictures, channels last: (n, pixels, channels) in memory.

First every picture is cut into parts, of which each channel gets its mean and its squared deviations summed;
then those of parts and channels become those of groups, in fp32 and in a fixed order, so that they repeat to
the bit; then values are normed. Backward likewise, with the two means that the gradient of a norm takes.

Deviations are taken from a part's first pixel and corrected by the mean's own (Chan, Golub and LeVeque 1983):
a mean of squares less a squared mean would lose all digits where a mean is far above its deviation.
"""

# ruff: noqa: ANN001, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

# Lists of arguments by the line, not one to a line:
# fmt: off
import torch
import triton
import triton.language as tl
from torch import Tensor

_CHANNELS = 128  # of a picture that one program works on
_ROWS = 32  # pixels, likewise
_MOST_PARTS = 64
_AHEAD = 3  # steps of a sum whose values are fetched at a time: half the time of one by one


@triton.jit
def _load(x_ptr, beside_ptr, row, at, inside, channels, own: tl.constexpr, joins: tl.constexpr):
    """Return channels `at` of pixels `row` of x; if it `joins` two, those from `own` on lie in the other."""
    if joins:
        first = (at < own)[None, :]
        x = tl.load(x_ptr + row[:, None] * own + at[None, :], mask=inside & first, other=0.0)
        place = row[:, None] * (channels - own) + (at - own)[None, :]
        return (x + tl.load(beside_ptr + place, mask=inside & (first == 0), other=0.0)).to(tl.float32)
    return tl.load(x_ptr + row[:, None] * channels + at[None, :], mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _normed(
    x_ptr, beside_ptr, shift_ptr, weight_ptr, bias_ptr, mean_ptr, rstd_ptr, picture, row, at, inside, across,
    channels, own: tl.constexpr, groups, shifts: tl.constexpr, joins: tl.constexpr,
):
    """Return x before the norm's weight, with it and the bias, and the weight and rstd that were used."""
    x = _load(x_ptr, beside_ptr, row, at, inside, channels, own, joins)
    if shifts:
        x += tl.load(shift_ptr + picture * channels + at, mask=across, other=0.0).to(tl.float32)[None, :]
    group = picture * groups + at // (channels // groups)
    mean = tl.load(mean_ptr + group, mask=across, other=0.0)[None, :]
    rstd = tl.load(rstd_ptr + group, mask=across, other=0.0)[None, :]
    weight = tl.load(weight_ptr + at, mask=across, other=0.0).to(tl.float32)[None, :]
    bias = tl.load(bias_ptr + at, mask=across, other=0.0).to(tl.float32)[None, :]
    hat = (x - mean) * rstd
    return hat, hat * weight + bias, weight, rstd


@triton.jit
def _through_silu(grad, z):
    sigmoid = 1.0 / (1.0 + tl.exp(-z))
    return grad * sigmoid * (1.0 + z * (1.0 - sigmoid))


@triton.jit
def _sum_pixels(
    x_ptr, beside_ptr, shift_ptr, grad_ptr, weight_ptr, bias_ptr, mean_ptr, rstd_ptr, first_ptr, second_ptr,
    pixels, of_a_part, channels, own: tl.constexpr, groups, shifts: tl.constexpr, joins: tl.constexpr, silu:
    tl.constexpr, back: tl.constexpr, rows: tl.constexpr, block: tl.constexpr, ahead: tl.constexpr,
):
    """Write a part's mean and sum of squared deviations, or with `back` sums for the gradient's two means."""
    picture, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    at = tl.program_id(2) * block + tl.arange(0, block)
    across = at < channels
    firsts = tl.zeros((rows, block), tl.float32)  # added up over threads once, at the end
    seconds = tl.zeros((rows, block), tl.float32)
    begin = tl.minimum(part * of_a_part, pixels)  # the last parts may be empty
    end = tl.minimum(begin + of_a_part, pixels)
    line = picture * pixels + begin + tl.arange(0, 1)
    begun = across[None, :] & (begin < end)
    pivot = tl.sum(_load(x_ptr, beside_ptr, line, at, begun, channels, own, joins), 0)
    for start in tl.range(begin, end, rows, num_stages=ahead):
        pixel = start + tl.arange(0, rows)
        inside = (pixel < end)[:, None] & across[None, :]
        row = picture * pixels + pixel
        if back:
            hat, z, weight, _ = _normed(
                x_ptr, beside_ptr, shift_ptr, weight_ptr, bias_ptr, mean_ptr, rstd_ptr, picture, row, at,
                inside, across, channels, own, groups, shifts, joins,
            )
            grad = tl.load(grad_ptr + row[:, None] * channels + at[None, :], mask=inside, other=0.0)
            grad = grad.to(tl.float32)
            if silu:
                grad = _through_silu(grad, z)
            scaled = tl.where(inside, grad * weight, 0.0)
            firsts += scaled
            seconds += scaled * hat
        else:
            x = _load(x_ptr, beside_ptr, row, at, inside, channels, own, joins)
            apart = tl.where(inside, x - pivot[None, :], 0.0)
            firsts += apart
            seconds += apart * apart
    first, second = tl.sum(firsts, 0), tl.sum(seconds, 0)
    if not back:
        mean = first / tl.maximum(end - begin, 1)
        second = tl.maximum(second - first * mean, 0.0)
        first = pivot + mean
        if shifts:
            first += tl.load(shift_ptr + picture * channels + at, mask=across, other=0.0).to(tl.float32)
    place = (picture * tl.num_programs(1) + part) * channels + at
    tl.store(first_ptr + place, first, mask=across)
    tl.store(second_ptr + place, second, mask=across)


@triton.jit
def _sum_parts(
    first_ptr, second_ptr, mean_ptr, other_ptr, parts, pixels, of_a_part, eps, channels, groups, back:
    tl.constexpr, rows: tl.constexpr, block: tl.constexpr,
):
    """Make of the parts' numbers each group's mean and 1 / deviation, or with `back` its two means."""
    picture, group = tl.program_id(0).to(tl.int64), tl.program_id(1)
    width = channels // groups
    part, at = tl.arange(0, rows), tl.arange(0, block)
    place = (picture * parts + part[:, None]) * channels + group * width + at[None, :]
    inside = (part < parts)[:, None] & (at < width)[None, :]
    count = pixels * width
    first = tl.load(first_ptr + place, mask=inside, other=0.0)
    second = tl.sum(tl.sum(tl.load(second_ptr + place, mask=inside, other=0.0), 1), 0)
    if back:
        first = tl.sum(tl.sum(first, 1), 0) / count
        second = second / count
    else:
        weight = tl.maximum(tl.minimum(pixels - part * of_a_part, of_a_part), 0).to(tl.float32)[:, None]
        pivot = tl.load(first_ptr + picture * parts * channels + group * width)
        apart = tl.where(inside, first - pivot, 0.0)
        mean = tl.sum(tl.sum(weight * apart, 1), 0) / count
        apart = tl.where(inside, apart - mean, 0.0)
        second += tl.sum(tl.sum(weight * apart * apart, 1), 0)
        first = pivot + mean
        second = 1.0 / tl.sqrt(second / count + eps)
    tl.store(mean_ptr + picture * groups + group, first)
    tl.store(other_ptr + picture * groups + group, second)


@triton.jit
def _apply_norm(
    x_ptr, beside_ptr, shift_ptr, grad_ptr, weight_ptr, bias_ptr, mean_ptr, rstd_ptr, first_ptr, second_ptr,
    out_ptr, pixels, channels, own: tl.constexpr, groups, shifts: tl.constexpr, joins: tl.constexpr, silu:
    tl.constexpr, back: tl.constexpr, rows: tl.constexpr, block: tl.constexpr,
):
    """Write the norm of x, or with `back` the gradient for x."""
    picture = tl.program_id(0).to(tl.int64)
    pixel = tl.program_id(1) * rows + tl.arange(0, rows)
    at = tl.program_id(2) * block + tl.arange(0, block)
    across = at < channels
    inside = (pixel < pixels)[:, None] & across[None, :]
    row = picture * pixels + pixel
    hat, out, weight, rstd = _normed(
        x_ptr, beside_ptr, shift_ptr, weight_ptr, bias_ptr, mean_ptr, rstd_ptr, picture, row, at, inside,
        across, channels, own, groups, shifts, joins,
    )
    place = row[:, None] * channels + at[None, :]
    if back:
        grad = tl.load(grad_ptr + place, mask=inside, other=0.0).to(tl.float32)
        if silu:
            grad = _through_silu(grad, out)
        group = picture * groups + at // (channels // groups)
        first = tl.load(first_ptr + group, mask=across, other=0.0)[None, :]
        second = tl.load(second_ptr + group, mask=across, other=0.0)[None, :]
        out = (grad * weight - first - hat * second) * rstd
    elif silu:
        out = out / (1.0 + tl.exp(-out))
    tl.store(out_ptr + place, out.to(out_ptr.dtype.element_ty), mask=inside)


def group_norm(
    x: Tensor, shift: Tensor | None, groups: int, weight: Tensor, bias: Tensor, eps: float, silu: bool,
    beside: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the group norm of x (n, p, c) + shift (n, c), through SiLU or not, and its statistics.

    `beside`: further channels of x (n, p, d), as if both were one tensor (n, p, c + d).
    """
    count, pixels, _ = x.shape
    channels = len(weight)
    mean, rstd = _sum_up(x, shift, None, groups, weight, bias, None, None, eps, silu, beside)
    out = x.new_empty((count, pixels, channels))
    grid = (count, triton.cdiv(pixels, _ROWS), triton.cdiv(channels, _CHANNELS))
    _apply_norm[grid](
        x, x if beside is None else beside, x if shift is None else shift, x, weight, bias, mean, rstd, mean,
        rstd, out, pixels, channels, _own(x, beside), groups, shift is not None, beside is not None, silu,
        False, _ROWS, _CHANNELS,
    )
    return out, mean, rstd


def group_norm_back(
    x: Tensor, shift: Tensor | None, grad: Tensor, groups: int, weight: Tensor, bias: Tensor, mean:
    Tensor, rstd: Tensor, silu: bool,
) -> Tensor:
    """Return the gradient for `x`."""
    count, pixels, channels = x.shape
    first, second = _sum_up(x, shift, grad, groups, weight, bias, mean, rstd, 0.0, silu)
    out = x.new_empty(x.shape)
    grid = (count, triton.cdiv(pixels, _ROWS), triton.cdiv(channels, _CHANNELS))
    _apply_norm[grid](
        x, x, x if shift is None else shift, grad, weight, bias, mean, rstd, first, second, out, pixels,
        channels, 0, groups, shift is not None, False, silu, True, _ROWS, _CHANNELS,
    )
    return out


def _sum_up(
    x: Tensor, shift: Tensor | None, grad: Tensor | None, groups: int, weight: Tensor, bias: Tensor,
    mean: Tensor | None, rstd: Tensor | None, eps: float, silu: bool, beside: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return two numbers for each picture and group (n, g): statistics, or what their gradient needs."""
    count, pixels, _ = x.shape
    channels = len(weight)
    back = grad is not None
    parts = max(1, min(_MOST_PARTS, pixels // _ROWS))
    of_a_part = triton.cdiv(pixels, parts)
    kind = torch.float32
    first, second = (x.new_empty((count, parts, channels), dtype=kind) for _ in range(2))
    _sum_pixels[(count, parts, triton.cdiv(channels, _CHANNELS))](
        x, x if beside is None else beside, x if shift is None else shift, grad if back else x, weight, bias,
        mean if back else first, rstd if back else first, first, second, pixels, of_a_part, channels,
        _own(x, beside), groups, shift is not None, beside is not None, silu and back, back, _ROWS, _CHANNELS,
        None if back else _AHEAD,
    )
    one, other = (x.new_empty((count, groups), dtype=kind) for _ in range(2))
    _sum_parts[(count, groups)](
        first, second, one, other, parts, pixels, of_a_part, eps, channels, groups, back,
        triton.next_power_of_2(parts), triton.next_power_of_2(channels // groups),
    )
    return one, other


def _own(x: Tensor, beside: Tensor | None) -> int:
    """Return the channels of `x` beside others; one kernel is built for each number of them."""
    return 0 if beside is None else x.shape[2]
