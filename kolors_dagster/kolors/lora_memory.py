"""Where the LoRA that is trained lies: all its matrices, and what a step makes of them, in one piece."""

from collections.abc import Iterator
from itertools import accumulate, pairwise

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from kolors_dagster.kolors.lora import ADAPTER, lora_layers
from kolors_dagster.kolors.lora_linear import speed_up_layer
from kolors_dagster.kolors.lora_product import LoraProduct
from kolors_dagster.kolors.packed_attention import PackedAttention
from kolors_dagster.kolors.unet import KolorsUNet

# Layers with one input: their matrices lie side by side, so that they can be multiplied as one.
_TOGETHER = {"attn1.to_q": ("to_q", "to_k", "to_v"), "attn2.to_k": ("to_k", "to_v")}
_ALIGNMENT = 4096  # values; torchao's 8-bit Adam keeps averages in bytes for whole blocks only


class LoraMemory:
    """Everything on `unet` that requires a gradient, as one vector, and its layers made to use that.

    Kolors' LoRA is a thousand matrices. One by one, bringing them to the UNet's arithmetic, and their
    gradients back to fp32, takes as long as a tenth of a step; as one vector, nothing. The parameters on the
    UNet stay, and are views of `values`. Where a UNet is streamed or a layer is no linear one, layers stay
    peft's, and their gradients come straight to fp32. `dtype`: the UNet's arithmetic.
    """

    def __init__(self, unet: KolorsUNet, dtype: torch.dtype) -> None:
        layers = lora_layers(unet)
        groups = list(_group(layers))
        weights = {name: weight for name, weight in unet.named_parameters() if weight.requires_grad}
        matrices = [weight for group in groups for weight in _matrices([layers[name] for name in group])]
        placed = {id(weight) for weight in matrices}
        matrices += [weight for weight in weights.values() if id(weight) not in placed]
        ends = list(accumulate((weight.numel() for weight in matrices), initial=0))
        self.weights = weights
        """The parameters on the UNet, by name."""
        self.values = nn.Parameter(matrices[0].new_zeros(-(-ends[-1] // _ALIGNMENT) * _ALIGNMENT))
        """All of them, fp32, with zeros up to a length that can be cut into blocks."""
        self.gradient = self.values.grad = torch.zeros_like(self.values.data)
        self._copies = torch.zeros_like(self.values, dtype=dtype)
        self._changes = torch.zeros_like(self._copies)
        for weight, (start, end) in zip(matrices, pairwise(ends), strict=True):
            part = self.values.data[start:end].view(weight.shape)
            part.copy_(weight.data)
            weight.data, weight.grad = part, self.gradient[start:end].view(weight.shape)
        starts = {id(weight): start for weight, start in zip(matrices, ends, strict=False)}
        for group in groups:
            for name in group:
                speed_up_layer(layers[name], self._product([layers[name]], starts))
            attention = unet.get_submodule(group[0].rpartition(".")[0])
            if len(group) > 1 and isinstance(attention, PackedAttention):
                attention.product = self._product([layers[name] for name in group], starts)
        self.renew_copies()

    @torch.no_grad()
    def renew_copies(self) -> None:
        """Bring `values` to where the layers read them; due after every change of it."""
        self._copies.copy_(self.values)

    @torch.no_grad()
    def add_up_gradients(self) -> None:
        """Add what the last backward pass left to the gradient of `values`."""
        self.gradient += self._changes

    def _product(self, layers: list[LoraLayer], starts: dict[int, int]) -> LoraProduct:
        """Return views of what the matrices A of `layers`, then their matrices B, are in memory."""
        matrices = _matrices(layers)
        first, second = matrices[0], matrices[len(layers)]
        views = [
            buffer[starts[id(begin)] :][: len(layers) * begin.numel()].view(shape)
            for buffer in (self._copies, self._changes)
            for begin, shape in (
                (first, (-1, first.shape[1])),
                (second, (len(layers), *second.shape)),
            )
        ]
        return LoraProduct(views[0], views[1], views[2], views[3], tuple(matrices))


def _group(layers: dict[str, LoraLayer]) -> Iterator[list[str]]:
    """Yield the names of linear layers, those with one input together; by name alone, as checkpoints need."""
    left = {name: layer for name, layer in layers.items() if layer.lora_A[ADAPTER].weight.dim() == 2}
    for name in list(left):
        for ending, children in _TOGETHER.items():
            group = [name.removesuffix(ending) + ending.partition(".")[0] + "." + child for child in children]
            if name.endswith(ending) and all(member in left for member in group):
                yield group
                for member in group:
                    del left[member]
    yield from ([name] for name in left)


def _matrices(layers: list[LoraLayer]) -> list[nn.Parameter]:
    """Return every A, then every B."""
    sides = ([layer.lora_A for layer in layers], [layer.lora_B for layer in layers])
    return [side[ADAPTER].weight for part in sides for side in part]
