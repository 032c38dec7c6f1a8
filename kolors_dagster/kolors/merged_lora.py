"""A LoRA inside the UNet's own weights while pictures are drawn: not one layer more to compute."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from kolors_dagster.kolors.lora_file import read_lora
from kolors_dagster.kolors.unet import KolorsUNet


class MergedLora:
    """Add the LoRA of a file to the weights of `unet`; `take_out` puts back the very weights it had.

    What it covers is kept on the CPU meanwhile (1.8 GB for every attention layer at full size), since taking
    the sum apart again would not give the same bits. The sums are peft's to the bit, without importing peft.
    Raises UserError for a file that does not fit.
    """

    @torch.no_grad()
    def __init__(self, unet: KolorsUNet, path: Path, weight: float) -> None:
        self._unet = unet
        self._covered: dict[str, Tensor] = {}
        assert not hasattr(unet, "peft_config"), "a LoRA is on it, which would act beside this one"
        lora = read_lora(path, unet)
        scale = weight * lora.alpha / lora.rank
        try:
            for module in lora.modules:
                own = unet.get_parameter(f"{module}.weight")
                self._covered[f"{module}.weight"] = own.to("cpu", copy=True)
                # To where it is: of a streamed UNet, not all is in one place.
                first, second = (matrix.to(own.device, own.dtype) for matrix in lora.matrices(module))
                own += multiply_matrices(first, second, scale)
                lengths = lora.magnitude(module)
                if lengths is not None:
                    set_lengths(own, lengths.to(own.device, own.dtype))
        except BaseException:  # out of memory, or Ctrl-C: half a LoRA must not stay
            self.take_out()
            raise

    @torch.no_grad()
    def take_out(self) -> None:
        """Put back the UNet's own weights, to the bit."""
        for name, weight in self._covered.items():
            self._unet.get_parameter(name).copy_(weight)


def multiply_matrices(first: Tensor, second: Tensor, scale: float) -> Tensor:
    """Return scale · B A, shaped like the layer's weight; `first` is A, `second` B."""
    dtype = first.dtype
    if first.device.type == "cpu":  # which is slow in 16 bits
        first, second = first.float(), second.float()
    if first.shape[2:].numel() == 1:  # linear, or of a window of one pixel
        product = (second.flatten(1) @ first.flatten(1)).view(len(second), *first.shape[1:])
    else:
        product = functional.conv2d(first.transpose(0, 1), second).transpose(0, 1)
    return (product * scale).to(dtype)


def set_lengths(weight: Tensor, lengths: Tensor) -> None:
    """Give each row of `weight` (out, …) its length, as DoRA learnt it (Liu et al. 2024)."""
    rows = tuple(range(1, weight.dim()))
    now = torch.linalg.vector_norm(weight, dim=rows, keepdim=True)
    weight *= lengths.view(now.shape) / now
