"""A transformer whose residual additions are part of its matrix products, for where nothing is learnt.

Each product is added to the tokens where they lie, instead of being written, read and added: two passes over
memory fewer, three times a block. Its bias, the same for every token, is left to the norms, which read the
tokens anyway.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.fused_functions import shift_norm
from kolors_dagster.kolors.packed_attention import PackedAttention


def adds_in_products(transformer: Any) -> bool:
    """Return whether `transform` can do: nothing is learnt, and the layers that add are plain ones."""
    if torch.is_grad_enabled():
        return False
    for block in transformer.transformer_blocks:
        if type(block.attn1) is not PackedAttention or not hasattr(block.ff, "net"):
            return False
        if any(type(layer) is not nn.Linear for layer in _adding_layers(block)):
            return False
    return type(transformer.proj_out) is nn.Linear


def transform(transformer: Any, tokens: Tensor, text: Tensor) -> Tensor:
    """Return what the blocks and the last layer make of `tokens` (n, t, c), which are overwritten."""
    blocks, rows = transformer.transformer_blocks, tokens.view(-1, tokens.shape[-1])
    wide = torch.promote_types(tokens.dtype, torch.float32)
    biases = torch.stack([layer.bias for block in blocks for layer in _adding_layers(block)]).to(wide)
    # Row i: what the biases of all products before the i-th add up to.
    shifts = functional.pad(biases.cumsum(0), (0, 0, 1, 0))
    for number, block in enumerate(blocks):
        to_tokens, to_text, last = _adding_layers(block)
        first, second, third = shifts[3 * number : 3 * number + 3]
        _add_product(rows, block.attn1.take(shift_norm(tokens, first, block.norm1)), to_tokens)
        _add_product(rows, block.attn2.take(shift_norm(tokens, second, block.norm2), text), to_text)
        _add_product(rows, block.ff.net[0](shift_norm(tokens, third, block.norm3)), last)
    out = transformer.proj_out
    bias = torch.addmv(out.bias.to(wide), out.weight.to(wide), shifts[-1])
    return functional.linear(tokens, out.weight, bias.to(tokens.dtype))


def _adding_layers(block: Any) -> tuple[Any, Any, Any]:
    """Return the layers whose results are added to the tokens, in order."""
    return block.attn1.to_out[0], block.attn2.to_out[0], block.ff.net[2]


def _add_product(rows: Tensor, x: Tensor, layer: nn.Linear) -> None:
    rows.addmm_(x.view(-1, x.shape[-1]), layer.weight.t())
