"""DiffSynth's UNet blocks with fewer passes over memory: the same parameters, names and sums."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.diffsynth import (
    GEGLU,
    BasicTransformerBlock,
    ResnetBlock2D,
    Transformer2DModel,
)
from kolors_dagster.kolors.fused_functions import add_norm, geglu, group_norm, norm_silu, shift_norm_silu
from kolors_dagster.kolors.unet import KolorsUNet


def fuse_blocks(unet: KolorsUNet) -> None:
    """Let the blocks of `unet` compute as below, pictures laid out channels last, as tensor cores want them.

    For a GPU: results differ from DiffSynth's own in rounding alone.
    """
    for module in unet.modules():
        for fused in (_Geglu, _ResnetBlock, _TransformerBlock, _Transformer):
            if type(module) is fused.__base__:
                module.__class__ = fused
    unet.conv_norm_out.__class__ = _NormSilu
    unet.conv_act = nn.Identity()  # done by the norm before it
    unet.to(memory_format=torch.channels_last)


class _Geglu(GEGLU):
    def forward(self, hidden_states: Tensor) -> Tensor:
        return geglu(self.proj(hidden_states))


class _NormSilu(nn.GroupNorm):
    def forward(self, input: Tensor) -> Tensor:
        return norm_silu(input, self)


class _ResnetBlock(ResnetBlock2D):
    def forward(self, input_tensor: Tensor, temb: Tensor) -> Tensor:
        hidden = self.conv1(norm_silu(input_tensor, self.norm1))
        shift = self.time_emb_proj(functional.silu(temb))
        hidden = self.conv2(shift_norm_silu(hidden, shift, self.norm2))
        kept = input_tensor if self.conv_shortcut is None else self.conv_shortcut(input_tensor)
        return kept + hidden


class _TransformerBlock(BasicTransformerBlock):
    def forward(self, hidden_states: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        change = self.attn1(self.norm1(hidden_states))
        hidden_states, normed = add_norm(hidden_states, change, self.norm2)
        change = self.attn2(normed, encoder_hidden_states=encoder_hidden_states)
        hidden_states, normed = add_norm(hidden_states, change, self.norm3)
        return hidden_states + self.ff(normed)


class _Transformer(Transformer2DModel):
    def forward(self, hidden_states: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        batch, channels, height, width = hidden_states.shape
        tokens = group_norm(hidden_states, self.norm).permute(0, 2, 3, 1).reshape(batch, -1, channels)
        tokens = self.proj_in(tokens)
        for block in self.transformer_blocks:
            tokens = block(tokens, encoder_hidden_states=encoder_hidden_states)
        tokens = self.proj_out(tokens)
        # No copy: (n, tokens, c) is a picture laid out channels last.
        return tokens.view(batch, height, width, channels).permute(0, 3, 1, 2) + hidden_states
