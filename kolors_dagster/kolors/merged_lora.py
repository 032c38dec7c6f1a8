"""A LoRA inside the UNet's own weights while pictures are drawn: not one layer more to compute."""

from pathlib import Path

import torch
from torch import Tensor

from kolors_dagster.kolors.lora import load_lora, lora_layers, remove_lora
from kolors_dagster.kolors.unet import KolorsUNet


class MergedLora:
    """Add the LoRA of a file to the weights of `unet`; `take_out` puts back the very weights it had.

    What it covers is kept on the CPU meanwhile (1.8 GB for every attention layer at full size), since taking
    the sum apart again would not give the same bits. Raises UserError for a file that does not fit.
    """

    @torch.no_grad()
    def __init__(self, unet: KolorsUNet, path: Path, weight: float) -> None:
        self._unet = unet
        self._covered: dict[str, Tensor] = {}
        load_lora(unet, path, weight)
        try:
            for name, layer in lora_layers(unet).items():
                covered = layer.get_base_layer().weight
                self._covered[f"{name}.weight"] = covered.to("cpu", copy=True)
                layer.to(covered.device)  # of a streamed UNet, not all are where the LoRA was put
                layer.merge()
        except BaseException:  # out of memory, or Ctrl-C: half a LoRA must not stay
            remove_lora(unet)
            self.take_out()
            raise
        remove_lora(unet)

    @torch.no_grad()
    def take_out(self) -> None:
        """Put back the UNet's own weights, to the bit."""
        for name, weight in self._covered.items():
            self._unet.get_parameter(name).copy_(weight)
