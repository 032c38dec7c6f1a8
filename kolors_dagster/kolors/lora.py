"""LoRAs of the Kolors UNet as layers of peft: begin one, save it, put one on, take it off."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import save
from torch import Tensor, nn

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file
from kolors_dagster.kolors.lora_file import ADAPTER_METADATA, PREFIX, read_lora
from kolors_dagster.kolors.unet import KolorsUNet

ADAPTER = "default"


def inject_lora(
    unet: KolorsUNet, rank: int, alpha: float, target_modules: Sequence[str], seed: int, *, dora: bool = False
) -> list[nn.Parameter]:
    """Begin a LoRA on every layer whose name ends in one of `target_modules`; return what there is to train.

    Its matrices are fp32 whatever the UNet is in: A drawn from `seed` alone (Kaiming uniform, as peft does),
    B zero, so that at first it changes nothing. The UNet's own weights are frozen. With `dora` the length of
    each row of a weight is learnt apart from its direction (Liu et al. 2024). Raises UserError if no layer is
    meant.
    """
    _inject(unet, rank, alpha, list(target_modules), dora)
    generator = torch.Generator("cpu").manual_seed(seed)
    device = unet.conv_in.weight.device
    for layer in lora_layers(unet).values():
        # Filled here and not by peft, which would bring them to the UNet's precision.
        first, second = layer.lora_A[ADAPTER], layer.lora_B[ADAPTER]
        start = torch.empty(first.weight.shape, dtype=torch.float32)
        nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
        first.weight = nn.Parameter(start.to(device))
        second.weight = nn.Parameter(torch.zeros(second.weight.shape, dtype=torch.float32, device=device))
        if dora:
            weight = layer.get_base_layer().weight.float()
            lengths = weight.flatten(1).norm(dim=1).view(layer.lora_magnitude_vector[ADAPTER].weight.shape)
            layer.lora_magnitude_vector[ADAPTER].weight = nn.Parameter(lengths)
    return [parameter for parameter in unet.parameters() if parameter.requires_grad]


def save_lora(unet: KolorsUNet, path: Path, metadata: dict[str, str]) -> None:
    """Write the UNet's LoRA with `metadata`, the whole file or none; equal LoRAs give equal bytes."""
    config = unet.peft_config[ADAPTER]
    weights = get_peft_model_state_dict(unet, adapter_name=ADAPTER)
    tensors = {PREFIX + name: weights[name].detach().cpu().contiguous() for name in sorted(weights)}
    adapter = {
        f"{PREFIX}r": config.r,
        f"{PREFIX}lora_alpha": config.lora_alpha,
        f"{PREFIX}target_modules": sorted(config.target_modules),
    } | ({f"{PREFIX}use_dora": True} if config.use_dora else {})
    header = metadata | {ADAPTER_METADATA: json.dumps(adapter, sort_keys=True), "format": "pt"}
    with write_whole_file(path) as aside:
        aside.write_bytes(_sort_header(save(tensors, metadata=header)))


def load_lora(unet: KolorsUNet, path: Path, weight: float = 1.0) -> None:
    """Put the LoRA of a file on the UNet, at `weight`, in place of any that is on it.

    Raises UserError as `read_lora` does.
    """
    lora = read_lora(path, unet)
    remove_lora(unet)
    _inject(unet, lora.rank, lora.alpha, lora.modules, lora.dora)
    reference = unet.conv_in.weight
    _fill(unet, {name: tensor.to(reference.device, reference.dtype) for name, tensor in lora.weights.items()})
    unet.requires_grad_(False)
    set_lora_weight(unet, weight)


def set_lora_weight(unet: KolorsUNet, weight: float) -> None:
    """Change how strongly the LoRA on the UNet acts; 1 is as trained."""
    for layer in lora_layers(unet).values():
        layer.set_scale(ADAPTER, weight)


def remove_lora(unet: KolorsUNet) -> None:
    """Take any LoRA off the UNet; what is left is the UNet as it was before, to the bit."""
    for name, layer in lora_layers(unet).items():
        parent, _, child = name.rpartition(".")
        setattr(unet.get_submodule(parent), child, layer.get_base_layer())
    if hasattr(unet, "peft_config"):
        del unet.peft_config


def lora_layers(unet: KolorsUNet) -> dict[str, LoraLayer]:
    """Return the layers that a LoRA is on, by name."""
    return {name: module for name, module in unet.named_modules() if isinstance(module, LoraLayer)}


def _inject(unet: KolorsUNet, rank: int, alpha: float, modules: list[str], dora: bool) -> None:
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=modules, use_dora=dora)
    try:
        inject_adapter_in_model(config, unet, adapter_name=ADAPTER, low_cpu_mem_usage=True)
    except ValueError as error:
        raise UserError(
            f"target_modules {modules}: {str(error).splitlines()[0]}",
            "use the ends of names of the UNet's linear or convolutional layers, such as to_q, conv1",
        ) from None


def _fill(unet: KolorsUNet, weights: dict[str, Tensor]) -> None:
    device = unet.conv_in.weight.device
    weights = {name: tensor.to(device) for name, tensor in weights.items()}
    set_peft_model_state_dict(unet, weights, adapter_name=ADAPTER, low_cpu_mem_usage=True)


def _sort_header(data: bytes) -> bytes:
    """Return safetensors bytes with the header's keys in order, for the library orders metadata at random."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]
