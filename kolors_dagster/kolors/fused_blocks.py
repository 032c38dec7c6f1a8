"""DiffSynth's UNet blocks with fewer passes over memory: the same parameters, names and sums."""

import logging
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.diffsynth import (
    GEGLU,
    BasicTransformerBlock,
    CrossAttnUpBlock2D,
    ResnetBlock2D,
    Transformer2DModel,
    UpBlock2D,
    Upsample2D,
)
from kolors_dagster.kolors.doubled_convolution import convolve_doubled
from kolors_dagster.kolors.fused_functions import add_norm, group_norm, multiply_gated
from kolors_dagster.kolors.packed_attention import PackedAttention, pack_weights
from kolors_dagster.kolors.residual_block import add_convolved
from kolors_dagster.kolors.residual_stream import adds_in_products, transform
from kolors_dagster.kolors.unet import KolorsUNet

_log = logging.getLogger(__name__)
_OLDEST_GPU = (8, 0)  # Ampere: the first that Triton computes bf16 on


@cache
def can_fuse(device: torch.device) -> bool:
    """Return whether Triton, which PyTorch brings along on Linux, builds kernels for this device.

    It is tried: Triton also takes a C compiler and Python's headers, which not every machine has.
    """
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    if torch.cuda.get_device_capability(device) < _OLDEST_GPU:
        return False
    from kolors_dagster.kolors.kernels import pointwise

    try:
        pointwise.add_bias(*(torch.zeros(1, device=device) for _ in range(3)))
    except Exception as error:
        _log.warning(
            "Triton builds no kernels here (%s); the UNet goes without, slower", type(error).__name__
        )
        return False
    return True


def fuse_blocks(unet: KolorsUNet) -> None:
    """Let the blocks of `unet` compute as below, pictures laid out channels last, as tensor cores want them.

    For a GPU: results differ from DiffSynth's own in rounding alone.
    """
    for module in unet.modules():
        for fused in _FUSED:
            if type(module) is fused.__base__:
                module.__class__ = fused
        if isinstance(module, PackedAttention):
            pack_weights(module)
    unet.conv_norm_out.__class__ = NormSilu
    unet.conv_act = nn.Identity()  # done by the norm before it
    unet.to(memory_format=torch.channels_last)


class _Geglu(GEGLU):
    def forward(self, hidden_states: Tensor) -> Tensor:
        return multiply_gated(hidden_states, self.proj)


class _Upsample(Upsample2D):
    def forward(self, hidden_states: Tensor, upsample_size: tuple[int, int] | None = None) -> Tensor:
        height, width = hidden_states.shape[2:]
        if upsample_size is None or tuple(upsample_size) == (2 * height, 2 * width):
            return convolve_doubled(hidden_states, self.conv)
        upsampled: Tensor = super().forward(hidden_states, upsample_size)
        return upsampled


class NormSilu(nn.GroupNorm):
    """A group norm, and the SiLU that comes after it."""

    def forward(self, input: Tensor) -> Tensor:
        """Return both of `input` (n, c, h, w)."""
        return group_norm(input, self, silu=True)


class _ResnetBlock(ResnetBlock2D):
    def forward(self, input_tensor: Tensor, temb: Tensor, beside: Tensor | None = None) -> Tensor:
        return add_convolved(self, input_tensor, self.time_emb_proj(functional.silu(temb)), beside)


class _UpBlock(UpBlock2D):
    """Leaves its pictures, and those kept on the way down, unjoined for the residual blocks to read."""

    def forward(
        self,
        hidden_states: Tensor,
        res_hidden_states_tuple: Sequence[Tensor],
        temb: Tensor,
        encoder_hidden_states: Tensor | None = None,
        upsample_size: tuple[int, int] | None = None,
    ) -> Tensor:
        for resnet, kept in zip(self.resnets, reversed(res_hidden_states_tuple), strict=True):
            hidden_states = resnet(hidden_states, temb, kept)
        for upsampler in self.upsamplers or ():
            hidden_states = upsampler(hidden_states, upsample_size)
        return hidden_states


class _CrossAttnUpBlock(CrossAttnUpBlock2D):
    def forward(
        self,
        hidden_states: Tensor,
        res_hidden_states_tuple: Sequence[Tensor],
        temb: Tensor,
        encoder_hidden_states: Tensor,
        upsample_size: tuple[int, int] | None = None,
    ) -> Tensor:
        kept = reversed(res_hidden_states_tuple)
        for resnet, transformer, other in zip(self.resnets, self.attentions, kept, strict=True):
            hidden_states = transformer(resnet(hidden_states, temb, other), encoder_hidden_states)
        for upsampler in self.upsamplers or ():
            hidden_states = upsampler(hidden_states, upsample_size)
        return hidden_states


class _TransformerBlock(BasicTransformerBlock):
    """Takes and returns what the last layer adds to the tokens apart from them: the next norm adds it."""

    def forward(
        self, hidden_states: Tensor, change: Tensor | None, encoder_hidden_states: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden_states, normed = add_norm(hidden_states, change, self.norm1)
        change = self.attn1(normed)
        hidden_states, normed = add_norm(hidden_states, change, self.norm2)
        change = self.attn2(normed, encoder_hidden_states=encoder_hidden_states)
        hidden_states, normed = add_norm(hidden_states, change, self.norm3)
        return hidden_states, self.ff(normed)


class _Transformer(Transformer2DModel):
    def forward(self, hidden_states: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        batch, channels, height, width = hidden_states.shape
        tokens = group_norm(hidden_states, self.norm).permute(0, 2, 3, 1).reshape(batch, -1, channels)
        tokens, change = self.proj_in(tokens), None
        if adds_in_products(self):
            tokens = transform(self, tokens, encoder_hidden_states)
        else:
            for block in self.transformer_blocks:
                tokens, change = block(tokens, change, encoder_hidden_states)
            tokens = self.proj_out(tokens + change)
        # No copy: (n, tokens, c) is a picture laid out channels last.
        return tokens.view(batch, height, width, channels).permute(0, 3, 1, 2) + hidden_states


_FUSED = (
    *(_Geglu, _TransformerBlock, _Transformer, PackedAttention),
    *(_ResnetBlock, _UpBlock, _CrossAttnUpBlock, _Upsample),
)
