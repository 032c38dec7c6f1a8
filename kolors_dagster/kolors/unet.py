"""The Kolors UNet: DiffSynth's SDXL UNet with the projection of ChatGLM3's hidden states in front."""

from typing import Any

import torch
from torch import Tensor, nn

from kolors_dagster.kolors.attention import KolorsAttention
from kolors_dagster.kolors.diffsynth import Attention, SDXLUNet2DConditionModel

# Keys of diffusers' UNet2DConditionModel config that mean the same in DiffSynth's class.
_SHARED_KEYS = (
    "sample_size",
    "in_channels",
    "out_channels",
    "down_block_types",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "cross_attention_dim",
    "attention_head_dim",
    "transformer_layers_per_block",
    "norm_num_groups",
    "norm_eps",
    "act_fn",
    "flip_sin_to_cos",
    "freq_shift",
    "use_linear_projection",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
)


class KolorsUNet(SDXLUNet2DConditionModel):
    """Predict the noise in Kolors latents; its tensors are named as diffusers names them.

    Source: DiffSynth 2 `stable_diffusion_xl_unet.py`, and the `text_proj` of diffusers' UNet2DConditionModel.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(**{key: config[key] for key in _SHARED_KEYS if key in config})
        self.config = config
        self.encoder_hid_proj = nn.Linear(config["encoder_hid_dim"], config["cross_attention_dim"])
        for module in self.modules():
            if isinstance(module, Attention):
                module.__class__ = KolorsAttention

    def forward(
        self, latents: Tensor, timesteps: Tensor, hidden_states: Tensor, pooled: Tensor, time_ids: Tensor
    ) -> Tensor:
        """Return the predicted noise, shaped like `latents`.

        latents: (batch, 4, height / 8, width / 8); timesteps: (batch,) or a scalar.
        hidden_states: (batch, 256, encoder_hid_dim), ChatGLM3's last layer but one, before projection; or
        fewer tokens, of texts that `text_padding` folded.
        pooled: (batch, encoder_hid_dim), its last layer at the last token.
        time_ids: (batch, 6): original height and width, crop top and left, target height and width.
        """
        return super().forward(
            latents,
            timesteps,
            self.encoder_hid_proj(hidden_states),
            added_cond_kwargs={"text_embeds": pooled, "time_ids": time_ids},
        )


def make_time_ids(height: int, width: int, batch: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return SDXL's size conditioning (batch, 6) for an uncropped picture of `height` × `width` pixels."""
    row = torch.tensor([height, width, 0, 0, height, width], device=device, dtype=dtype)
    return row.expand(batch, -1)
