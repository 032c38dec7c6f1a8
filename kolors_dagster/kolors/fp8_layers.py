"""The UNet's large matrix products in 8 bits while pictures are drawn, its own weights untouched beside them.

Weights have a scale for each output, activations one for each token, chosen from what is there: nothing is
calibrated. Tensor cores multiply 8 bits twice as fast as 16, but bringing a token to 8 bits is a pass over
memory, so it is done once for all products that it goes into.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.diffsynth import BasicTransformerBlock, Transformer2DModel
from kolors_dagster.kolors.fused_blocks import can_fuse
from kolors_dagster.kolors.fused_functions import attend
from kolors_dagster.kolors.streaming import is_streamed
from kolors_dagster.kolors.unet import KolorsUNet

FP8 = torch.float8_e4m3fn
LEAST_OUTPUTS = 1536
"""Of an input, for its products to gain more than its pass over memory costs (measured on an H100)."""
_MULTIPLE = 16  # what both sides of a weight must be of
_SMALLEST = 1e-12  # what the largest value of a row counts as at least, for a row of zeros


def quantize_rows(x: Tensor, *, gated: bool = False) -> tuple[Tensor, Tensor]:
    """Return x (…, c) in 8 bits (rows, c), and the scale (rows, 1), fp32, to multiply each row by.

    The largest value of a row becomes 448, the largest of 8 bits. `gated`: x is (…, 2c), and what is
    quantized is its first half times the GELU of the second.
    """
    if can_fuse(x.device):
        from kolors_dagster.kolors.kernels import quantize

        return quantize.quantize_rows(x.contiguous(), FP8, _SMALLEST, gated)
    rows = x.reshape(-1, x.shape[-1]).float()
    if gated:
        value, gate = rows.chunk(2, dim=-1)
        rows = value * functional.gelu(gate)
    largest = torch.finfo(FP8).max
    scale = rows.abs().amax(dim=-1, keepdim=True).clamp(min=_SMALLEST) / largest
    return (rows / scale).clamp(-largest, largest).to(FP8), scale


@contextmanager
def fp8_layers(unet: KolorsUNet, least_outputs: int = LEAST_OUTPUTS) -> Iterator[None]:
    """Within this block the large products of the transformers of `unet`, in bf16, are computed in 8 bits.

    Those are of inputs that go into `least_outputs` or more; the text's keys and values are not among them.
    The weights are quantized here, beside the UNet's own: 1.4 GiB at full size. Raises UserError for a UNet
    that is streamed, which there is no such room beside.
    """
    if is_streamed(unet):
        raise no_room_for_fp8()
    swapped: list[tuple[nn.Module, str, nn.Module]] = []
    for module in unet.modules():
        if isinstance(module, Transformer2DModel):
            found = [(module, "proj_in"), (module, "proj_out")]
        elif isinstance(module, BasicTransformerBlock):
            found = [(module.attn2, "to_q"), (module.attn2.to_out, "0")]
            if _pays([getattr(module.attn1, name) for name in _SelfAttention.INPUTS], least_outputs):
                swapped.append((module, "attn1", _SelfAttention(module.attn1, least_outputs)))
            if _pays([module.ff.net[0].proj], least_outputs) and _pays([module.ff.net[2]], _MULTIPLE):
                swapped.append((module, "ff", _FeedForward(module.ff)))
        else:
            continue
        for parent, name in found:
            layer = getattr(parent, name)
            if _pays([layer], least_outputs):
                swapped.append((parent, name, _Linear([layer])))
    own = [getattr(parent, name) for parent, name, _ in swapped]
    try:
        for parent, name, layer in swapped:
            setattr(parent, name, layer)
        yield
    finally:
        for (parent, name, _), layer in zip(swapped, own, strict=True):
            setattr(parent, name, layer)


def no_room_for_fp8() -> UserError:
    """Return the error for a UNet that does not fit whole."""
    return UserError(
        "dtype fp8 keeps the whole UNet in the GPU's memory and an 8-bit copy of most of it: it does not fit",
        "write dtype: bf16 (the UNet's layers then come over one at a time), or close what else uses the GPU",
    )


def _pays(layers: Sequence[Any], least_outputs: int) -> bool:
    """Return whether plain linear layers of one input have enough outputs, and sizes that 8 bits take."""
    if not all(type(layer) is nn.Linear for layer in layers):
        return False
    sizes = [layer.weight.shape for layer in layers]
    fits = all(side % _MULTIPLE == 0 for size in sizes for side in size)
    return fits and sum(outputs for outputs, _ in sizes) >= least_outputs


class _Linear(nn.Module):
    """Stands where a linear layer was; of several layers of one input it returns the outputs side by side."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        weights = [layer.weight.detach() for layer in layers]
        self.weight, scale = quantize_rows(torch.cat(weights) if len(weights) > 1 else weights[0])
        self.scale = scale.view(1, -1)
        self.bias = layers[0].bias if len(layers) == 1 else None

    def forward(self, x: Tensor) -> Tensor:
        return self.multiply(*quantize_rows(x)).view(*x.shape[:-1], -1)

    def multiply(self, rows: Tensor, scale: Tensor) -> Tensor:
        """Return (rows, outputs) in bf16 from what `quantize_rows` returns."""
        return torch._scaled_mm(
            rows,
            self.weight.t(),
            scale_a=scale,
            scale_b=self.scale,
            bias=self.bias,
            out_dtype=torch.bfloat16,
            use_fast_accum=True,
        )


class _SelfAttention(nn.Module):
    """DiffSynth's attention of tokens to themselves, whose three inputs are one product."""

    INPUTS = ("to_q", "to_k", "to_v")

    def __init__(self, attention: Any, least_outputs: int) -> None:
        super().__init__()
        self.heads = attention.heads
        self.to_qkv = _Linear([getattr(attention, name) for name in self.INPUTS])
        out = attention.to_out[0]
        self.to_out = _Linear([out]) if _pays([out], least_outputs) else out

    def forward(self, hidden_states: Tensor) -> Tensor:
        attended: Tensor = self.to_out(attend([self.to_qkv(hidden_states)], self.heads))
        return attended


class _FeedForward(nn.Module):
    """DiffSynth's two layers with GEGLU between, which brings its result to 8 bits at once."""

    def __init__(self, feed_forward: Any) -> None:
        super().__init__()
        self.first, self.second = _Linear([feed_forward.net[0].proj]), _Linear([feed_forward.net[2]])

    def forward(self, hidden_states: Tensor) -> Tensor:
        wide = self.first.multiply(*quantize_rows(hidden_states))
        return self.second.multiply(*quantize_rows(wide, gated=True)).view(hidden_states.shape)
