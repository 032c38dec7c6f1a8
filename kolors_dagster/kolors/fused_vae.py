"""The autoencoder's blocks as the UNet's are: fewer passes over memory, the same parameters and sums."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from kolors_dagster.kolors.diffsynth import (
    StableDiffusionVAE,
    VAEAttentionBlock,
    VAEResnetBlock2D,
    VAEUpsample2D,
)
from kolors_dagster.kolors.doubled_convolution import convolve_doubled
from kolors_dagster.kolors.fused_blocks import NormSilu
from kolors_dagster.kolors.fused_functions import group_norm
from kolors_dagster.kolors.residual_block import add_convolved

_QUERIES = 2048  # at a time: of 1024 × 1024 pixels their scores take 128 MiB


def fuse_vae_blocks(vae: StableDiffusionVAE) -> None:
    """Let the blocks of `vae` compute as below, pictures laid out channels last. For a GPU."""
    for module in vae.modules():
        for fused in (_VAEResnetBlock, _VAEUpsample, _VAEAttention):
            if type(module) is fused.__base__:
                module.__class__ = fused
    for half in (vae.encoder, vae.decoder):
        half.conv_norm_out.__class__ = NormSilu
        half.conv_act = torch.nn.Identity()  # done by the norm before it
    vae.to(memory_format=torch.channels_last)


class _VAEResnetBlock(VAEResnetBlock2D):
    def forward(self, input_tensor: Tensor, temb: None = None) -> Tensor:
        return add_convolved(self, input_tensor, None)


class _VAEUpsample(VAEUpsample2D):
    def forward(self, hidden_states: Tensor) -> Tensor:
        return convolve_doubled(hidden_states, self.conv)


class _VAEAttention(VAEAttentionBlock):
    """Its one head is too wide for PyTorch's attention on tensor cores: two matrix products instead.

    In TF32, as PyTorch's convolutions are in fp32.
    """

    def forward(self, hidden_states: Tensor) -> Tensor:
        count, channels, height, width = hidden_states.shape
        rows = group_norm(hidden_states, self.group_norm).permute(0, 2, 3, 1).reshape(count, -1, channels)
        with _tf32_products():
            query, key, value = self.to_q(rows), self.to_k(rows), self.to_v(rows)
            query = query * channels**-0.5
            parts = [
                torch.softmax(part @ key.transpose(1, 2), dim=-1) @ value
                for part in query.split(_QUERIES, dim=1)
            ]
            out: Tensor = self.to_out[0](torch.cat(parts, dim=1))
        return out.view(count, height, width, channels).permute(0, 3, 1, 2) + hidden_states


@contextmanager
def _tf32_products() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
