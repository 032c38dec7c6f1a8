"""Attention whose layers with one input are one matrix product: queries, keys and values of the tokens."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.attention import KolorsAttention
from kolors_dagster.kolors.diffsynth import Attention
from kolors_dagster.kolors.fused_functions import attend
from kolors_dagster.kolors.lora_product import LoraProduct, multiply
from kolors_dagster.kolors.text_padding import count_first


class PackedAttention(KolorsAttention):
    """The same attention, with the same parameters, names and sums."""

    product: LoraProduct | None = None
    """What the LoRAs of the packed layers multiply with, while they are trained."""

    def take(self, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None) -> Tensor:
        """Return that before the last layer, `to_out`."""
        if encoder_hidden_states is None:
            packed = self._multiply([self.to_q, self.to_k, self.to_v], hidden_states)
            return attend(packed, self.heads)
        packed = [self.to_q(hidden_states)]
        packed += self._multiply([self.to_k, self.to_v], encoder_hidden_states)
        return attend(packed, self.heads, count_first(encoder_hidden_states.shape[1]))

    def _multiply(self, layers: list[Any], x: Tensor) -> list[Tensor]:
        """Return what the layers make of `x`, in one tensor if their weights lie side by side."""
        with_lora = all(hasattr(layer, "product") for layer in layers)
        plain = [layer.get_base_layer() for layer in layers] if with_lora else layers
        weight = _span([layer.weight for layer in plain]) if _are_linear(plain) else None
        if weight is None:
            return [layer(x) for layer in layers]
        if not with_lora:
            return [functional.linear(x, weight)]
        assert self.product is not None
        return [multiply(x, weight, None, self.product, layers[0].scale)]


@torch.no_grad()
def pack_weights(attention: Attention) -> None:
    """Put the weights of layers with one input side by side in memory; they stay parameters of their own."""
    layers: list[Any] = [attention.to_q, attention.to_k, attention.to_v]
    if attention.to_k.in_features != attention.to_q.in_features:
        layers = layers[1:]
    if _are_linear(layers):
        packed = torch.cat([layer.weight for layer in layers])
        for layer, part in zip(layers, packed.chunk(len(layers)), strict=True):
            layer.weight.data = part


def _are_linear(layers: list[Any]) -> bool:
    """Say whether all are plain linear layers without bias, and not a LoRA's, a streamed or a known one."""
    return all(type(layer) is nn.Linear and layer.bias is None for layer in layers)


def _span(weights: list[nn.Parameter]) -> Tensor | None:
    """Return the weights (out, in) as one tensor if they lie side by side in memory, as packed."""
    begin, size = weights[0], weights[0].numel()
    memories = {weight.untyped_storage().data_ptr() for weight in weights}
    places = [weight.storage_offset() - begin.storage_offset() for weight in weights]
    if len(memories) > 1 or places != [number * size for number in range(len(weights))]:
        return None
    return begin.as_strided(
        (len(weights) * len(begin), begin.shape[1]), begin.stride(), begin.storage_offset()
    )
