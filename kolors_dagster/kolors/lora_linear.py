"""peft's linear layers, computed as `lora_product` does."""

from typing import Any

from peft.tuners.lora import Linear as PeftLinear
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from kolors_dagster.kolors.lora import ADAPTER
from kolors_dagster.kolors.lora_product import LoraProduct, multiply


def speed_up_layer(layer: LoraLayer, product: LoraProduct) -> None:
    """Let one of peft's linear layers compute with `product`; its parameters and names stay.

    peft brings every activation to fp32 and back: full-size Kolors in bf16 takes a second a step that way.
    DoRA stays peft's, and so do layers that are streamed, which fetch their weights themselves.
    """
    plain = type(layer.get_base_layer()) is nn.Linear and not layer.use_dora[ADAPTER]
    if plain and type(layer) is PeftLinear:
        layer.__class__ = LoraLinear
        layer.product = product


class LoraLinear(PeftLinear):
    """peft's layer, computed by `multiply`."""

    product: LoraProduct

    @property
    def scale(self) -> float:
        """What the LoRA's part is multiplied by: alpha / rank, and its weight."""
        scale: float = self.scaling[ADAPTER]
        return scale

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        """Return W x + b + scale · B A x."""
        base = self.get_base_layer()
        return multiply(x, base.weight, base.bias, self.product, self.scale)
