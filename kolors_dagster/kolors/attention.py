"""Attention of which a text may have been folded: see `text_padding`."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.diffsynth import Attention
from kolors_dagster.kolors.text_padding import count_first


class KolorsAttention(Attention):
    """DiffSynth's attention, with the same parameters and names, and the same sums of all 256 tokens."""

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Return what `hidden_states` (n, tokens, c) take from themselves, or from the text.

        A text (n, t, c) of fewer than 256 tokens is one that was folded: its first token counts as often as
        there are tokens missing, and once more.
        """
        out: nn.Module = self.to_out[0]
        attended: Tensor = out(self.take(hidden_states, encoder_hidden_states))
        return attended

    def take(self, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None) -> Tensor:
        """Return that before the last layer, `to_out`."""
        text = encoder_hidden_states
        source = hidden_states if text is None else text
        packed = [self.to_q(hidden_states), self.to_k(source), self.to_v(source)]
        return attend_plainly(packed, self.heads, 1 if text is None else count_first(text.shape[1]))


def attend_plainly(packed: Sequence[Tensor], heads: int, first_counts: int = 1) -> Tensor:
    """Return attention (n, tokens, c), without a mask, over queries, keys and values.

    packed: these three in order, (n, tokens, c) each, any number of them side by side in one tensor. The
    first key and value stand for `first_counts` equal ones.
    """
    query, key, value = (part.transpose(1, 2) for part in split_heads(packed, heads))
    raised = None
    if first_counts > 1:
        raised = query.new_zeros((1, 1, 1, key.shape[2]))
        raised[..., 0] = math.log(first_counts)
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=raised)
    return attended.transpose(1, 2).flatten(2)


def split_heads(packed: Sequence[Tensor], heads: int) -> list[Tensor]:
    """Return views of queries, keys and values, (n, tokens, heads, c / heads)."""
    width = sum(part.shape[-1] for part in packed) // 3
    return [
        piece.view(*piece.shape[:2], heads, -1)
        for part in packed
        for piece in torch.split(part, width, dim=-1)
    ]
