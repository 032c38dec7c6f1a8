"""LoRAs of the Kolors UNet: begin one, save it, put one on, take it off.

Files are in peft's naming under `unet.`, with rank and alpha in the metadata where diffusers looks for
them, so that `KolorsPipeline.load_lora_weights` applies the same update.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file
from kolors_dagster.kolors.unet import KolorsUNet

ADAPTER_METADATA = "lora_adapter_metadata"
ADAPTER = "default"
_PREFIX = "unet."
_MAGNITUDE = ".lora_magnitude_vector"  # of DoRA


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
    tensors = {_PREFIX + name: weights[name].detach().cpu().contiguous() for name in sorted(weights)}
    adapter = {
        f"{_PREFIX}r": config.r,
        f"{_PREFIX}lora_alpha": config.lora_alpha,
        f"{_PREFIX}target_modules": sorted(config.target_modules),
    } | ({f"{_PREFIX}use_dora": True} if config.use_dora else {})
    header = metadata | {ADAPTER_METADATA: json.dumps(adapter, sort_keys=True), "format": "pt"}
    with write_whole_file(path) as aside:
        aside.write_bytes(_sort_header(save(tensors, metadata=header)))


def load_lora(unet: KolorsUNet, path: Path, weight: float = 1.0) -> None:
    """Put the LoRA of a file on the UNet, at `weight`, in place of any that is on it.

    A file without rank and alpha in its metadata counts as alpha = rank, as in diffusers. Raises UserError
    for a file that is damaged or was trained on another model.
    """
    weights, adapter = _read(path)
    rank = _check_fits(unet, weights, path)
    remove_lora(unet)
    modules = sorted({name.split(".lora_")[0] for name in weights})
    dora = any(name.endswith(_MAGNITUDE) for name in weights)
    _inject(unet, rank, float(adapter.get(f"{_PREFIX}lora_alpha", rank)), modules, dora)
    reference = unet.conv_in.weight
    _fill(unet, {name: tensor.to(reference.device, reference.dtype) for name, tensor in weights.items()})
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


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        adapter = json.loads(metadata.get(ADAPTER_METADATA, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: not a whole LoRA file ({error})", "train or download the LoRA again"
        ) from None
    return {name.removeprefix(_PREFIX): tensor for name, tensor in weights.items()}, adapter


def _check_fits(unet: KolorsUNet, weights: dict[str, Tensor], path: Path) -> int:
    """Return the LoRA's rank, if every matrix of it belongs to a layer of this UNet."""
    layers = {name.replace(".base_layer", ""): module for name, module in unet.named_modules()}
    modules = {name.split(".lora_")[0] for name in weights}
    matrices = {name: tensor for name, tensor in weights.items() if not name.endswith(_MAGNITUDE)}
    ranks = {tensor.shape[0] for name, tensor in matrices.items() if ".lora_A." in name}
    expected = {f"{module}.lora_{side}.weight" for module in modules for side in "AB"}
    if len(matrices) < len(weights):
        expected |= {f"{module}{_MAGNITUDE}" for module in modules}
    problem = None
    if set(weights) != expected or not weights:
        odd = sorted(set(weights) ^ expected)
        problem = f"it has no LoRA matrices as peft names them (first odd one: {odd[0] if odd else 'none'})"
    elif len(ranks) != 1:
        problem = f"its matrices are of different ranks ({', '.join(map(str, sorted(ranks)))})"
    else:
        for module in sorted(modules):
            layer = layers.get(module)
            layer = layer.get_base_layer() if isinstance(layer, LoraLayer) else layer
            if not isinstance(layer, nn.Linear | nn.Conv2d):
                problem = f"the UNet has no linear or convolutional layer {module}"
                break
            first, second = (tuple(weights[f"{module}.lora_{side}.weight"].shape) for side in "AB")
            out, *window = layer.weight.shape
            if first[1:] != tuple(window) or second != (out, first[0], *[1] * (len(window) - 1)):
                problem = (
                    f"{module} is {tuple(layer.weight.shape)} in the UNet, {second} by {first} in the LoRA"
                )
                break
    if problem:
        raise UserError(
            f"{path}: this LoRA does not fit the base model: {problem}",
            "train the style on this base model, or choose the base model it was trained on",
        )
    return ranks.pop()


def _sort_header(data: bytes) -> bytes:
    """Return safetensors bytes with the header's keys in order, for the library orders metadata at random."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]
