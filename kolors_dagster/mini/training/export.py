"""Trained weights as they ship: fp16 safetensors."""

from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from kolors_dagster.files import write_whole_file

# What the layout holds but training does not make: the head, which nothing uses, and a table of constants.
NOT_SHIPPED = ("output_layer.weight", "rotary_pos_emb.inv_freq")


def write_weights(model: nn.Module, path: Path) -> None:
    """Write the model's weights in fp16; raises ValueError where one is not finite in it."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if name not in NOT_SHIPPED
    }
    broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise ValueError(f"not finite in fp16: {', '.join(broken)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole_file(path) as aside:
        aside.write_bytes(save(tensors, metadata={"format": "pt"}))
