"""A 3 × 3 convolution of a picture made twice as high and wide, computed on the picture as it was.

Of the doubled picture, three pixels in a row are two equal ones and a neighbour. So each of the four pixels
that one becomes is a 2 × 2 convolution whose weights are sums of the layer's own: the same sums in four
ninths of the multiplications, and no doubled picture in memory. In 16 bits the sums of weights are rounded
like the weights themselves.
"""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

# By layer: what its weight was when they were made, and the weights of the four convolutions.
_JOINED: WeakKeyDictionary[nn.Conv2d, tuple[tuple[int, int, torch.dtype], Tensor]] = WeakKeyDictionary()


def convolve_doubled(pictures: Tensor, layer: nn.Module) -> Tensor:
    """Return `layer` (3 × 3, padded by 1) of `pictures` (n, c, h, w) at twice their height and width.

    Laid out channels last, (n, out, 2 h, 2 w). A plain convolution's weight and bias get no gradient; another
    layer, a LoRA's, is given the doubled picture.
    """
    if type(layer) is not nn.Conv2d:
        convolved: Tensor = layer(double(pictures))
        return convolved
    quarters = functional.conv2d(pictures, _join_weights(layer), padding=1)
    spread: Tensor = _Spread.apply(quarters, layer.bias)
    return spread


def double(pictures: Tensor) -> Tensor:
    """Return `pictures` (n, c, h, w) twice as high and wide, every value four times.

    A plain copy, twice as fast as PyTorch's nearest neighbours of pictures laid out channels last.
    """
    batch, channels, height, width = pictures.shape
    rows = pictures.permute(0, 2, 3, 1)[:, :, None, :, None].expand(-1, -1, 2, -1, 2, -1)
    return rows.reshape(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


@torch.no_grad()
def _join_weights(layer: nn.Conv2d) -> Tensor:
    """Return the weights (4 · out, in, 2, 2) for the pixel above left, above right, below left, below right.

    Kept until the layer's weight is written to, as when a LoRA is added to it.
    """
    weight = layer.weight
    state = (weight._version, weight.data_ptr(), weight.dtype)
    known = _JOINED.get(layer)
    if known is not None and known[0] == state:
        return known[1]
    wide = weight.to(torch.promote_types(weight.dtype, torch.float32))
    quarters = [quarter for half in _join_taps(wide, 2) for quarter in _join_taps(half, 3)]
    joined = torch.cat(quarters).to(weight.dtype).contiguous(memory_format=torch.channels_last)
    if not (weight.is_cuda and torch.cuda.is_current_stream_capturing()):  # then it is not computed yet
        _JOINED[layer] = (state, joined)
    return joined


def _join_taps(weight: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Return what three taps along `side` are to the first and to the second of two equal pixels."""
    before, here, after = weight.unbind(side)
    return torch.stack([before, here + after], side), torch.stack([before + here, after], side)


class _Spread(Function):
    """Put quarters (n, 4 · c, h + 1, w + 1) where they belong in pictures (n, c, 2 h, 2 w); add the bias."""

    @staticmethod
    def forward(ctx: Any, quarters: Tensor, bias: Tensor | None) -> Tensor:
        rows = quarters.permute(0, 2, 3, 1).contiguous()
        ctx.like = rows.shape
        pixels = _view_pixels(rows)
        out = rows.new_empty(pixels.shape)
        if bias is None:
            out.copy_(pixels)
        else:
            torch.add(pixels, bias, out=out)
        return out.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        back = grads[0].new_zeros(ctx.like)
        pixels = _view_pixels(back)
        pixels.copy_(grads[0].permute(0, 2, 3, 1).reshape(pixels.shape))
        return back.permute(0, 3, 1, 2), None


def _view_pixels(rows: Tensor) -> Tensor:
    """Return a view (n, h, 2, w, 2, c) of quarters (n, h + 1, w + 1, 4 · c): pixel (i, p, j, q) of a picture.

    The quarter for p, q was computed with the neighbour before: for the later of two pixels it is one on.
    """
    count, height, width, wide = rows.shape
    channels, line = wide // 4, width * wide
    shape = (count, height - 1, 2, width - 1, 2, channels)
    return rows.as_strided(shape, (height * line, line, line + 2 * channels, wide, wide + channels, 1))
