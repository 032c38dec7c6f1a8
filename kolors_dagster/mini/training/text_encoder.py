"""The text encoder while it is trained: from scratch, and in the very form it has when a picture is drawn."""

from typing import Any

import torch
from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.text import TextEmbeddings
from kolors_dagster.mini import config
from kolors_dagster.mini.drawings.scene import ATTRIBUTES
from kolors_dagster.mini.training.captions import Tokens


def make_chatglm() -> Any:
    """Return ChatGLM with small random weights.

    ChatGLM's own code leaves norms unset and draws embeddings at variance one.
    """
    model = ChatGLMModel(ChatGLMConfig(**config.TEXT_ENCODER), empty_init=False)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
            elif "embedding" in name:
                weight.normal_(0, 0.3)
            else:
                weight.normal_(0, weight.shape[1] ** -0.5)
        model.output_layer.weight.zero_()
    model.output_layer.requires_grad_(False)
    model.encoder.final_layernorm.requires_grad_(False)
    return model


class TextStates(nn.Module):
    """Tokens to what the UNet is guided by, as `kolors.text.TextEncoder` takes it from the layers."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, positions: Tensor, blocked: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden states (n, 256, C) and pooled (n, C)."""
        states = self.model(
            input_ids=ids,
            position_ids=positions,
            full_attention_mask=blocked,
            output_hidden_states=True,
            use_cache=False,
            return_dict=True,
        ).hidden_states
        return states[-2].transpose(0, 1), states[-1][-1]


def block_attention(model: Any, tokens: Tokens) -> Tensor:
    """Return which pairs of places may not attend (n, 1, 256, 256), as the model makes it of the mask."""
    return model.get_masks(tokens.ids, None, padding_mask=tokens.mask)


class AttributeHeads(nn.Module):
    """Reads the scene's attributes off the pooled embedding: so that words soon mean things."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.TEXT_ENCODER["hidden_size"])
        self.heads = nn.ModuleList(
            nn.Linear(config.TEXT_ENCODER["hidden_size"], len(values)) for values in ATTRIBUTES.values()
        )

    def forward(self, pooled: Tensor, labels: Tensor, counted: Tensor) -> Tensor:
        """Return the mean cross-entropy over attributes (n, 16) of the rows `counted` (n,)."""
        features = self.norm(pooled.float())
        losses = [
            functional.cross_entropy(head(features).float(), labels[:, number], reduction="none")
            for number, head in enumerate(self.heads)
        ]
        weights = counted.float()
        return (torch.stack(losses).mean(dim=0) * weights).sum() / weights.sum().clamp(min=1)


@torch.no_grad()
def embed(model: Any, tokens: Tokens) -> TextEmbeddings:
    """Return the embeddings of tokens, for pictures drawn while training."""
    hidden, pooled = TextStates(model)(tokens.ids, tokens.positions, block_attention(model, tokens))
    return TextEmbeddings(hidden.contiguous(), pooled)
