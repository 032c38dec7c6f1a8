"""A linear layer with its LoRA in as few kernels as there are matrix products, forward and backward."""

from typing import Any

import torch
from peft.tuners.lora import Linear as PeftLinear
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.lora import ADAPTER, lora_layers
from kolors_dagster.kolors.unet import KolorsUNet


def speed_up_lora(unet: KolorsUNet) -> None:
    """Let peft's linear layers on `unet` compute as below; their parameters and names stay.

    The matrices stay fp32 and are used in the layer's own arithmetic, where peft brings every activation to
    fp32 and back: full-size Kolors in bf16 takes a second a step that way. DoRA and convolutions stay peft's,
    and so do layers that are streamed, which fetch their weights themselves.
    """
    for layer in lora_layers(unet).values():
        plain = type(layer.get_base_layer()) is nn.Linear and not layer.use_dora[ADAPTER]
        if plain and type(layer) is PeftLinear:
            layer.__class__ = _LoraLinear


class _LoraLinear(PeftLinear):
    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        base = self.get_base_layer()
        first, second = self.lora_A[ADAPTER].weight, self.lora_B[ADAPTER].weight
        result: Tensor = _Function.apply(x, base.weight, base.bias, first, second, self.scaling[ADAPTER])
        return result


class _Function(torch.autograd.Function):
    """y = W x + b + scale · B A x, with gradients for x, A and B."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, first: Tensor, second: Tensor, scale: float
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        first, second = first.to(x.dtype), second.to(x.dtype)
        inner = rows @ first.t()
        result = functional.linear(rows, weight, bias).addmm_(inner, second.t(), alpha=scale)
        ctx.save_for_backward(rows, inner, weight, first, second)
        ctx.scale = scale
        return result.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, inner, weight, first, second = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        back = _times(gradient, second, ctx.scale)
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = (gradient @ weight).addmm_(back, first).view(*gradients[0].shape[:-1], -1)
        return for_x, None, None, back.t() @ rows, _times(gradient.t(), inner, ctx.scale), None


def _times(left: Tensor, right: Tensor, scale: float) -> Tensor:
    """Return scale · left @ right, without a pass of its own for the scale."""
    return torch.addmm(left.new_empty(()), left, right, beta=0, alpha=scale)
