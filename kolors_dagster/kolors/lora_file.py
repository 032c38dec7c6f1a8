"""What a LoRA file holds, read and compared with the UNet it is for; drawing needs no peft, slow to import.

Files are in peft's naming under `unet.`, with rank and alpha in the metadata where diffusers looks for
them, so that `KolorsPipeline.load_lora_weights` applies the same update.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from kolors_dagster.errors import UserError

ADAPTER_METADATA = "lora_adapter_metadata"
PREFIX = "unet."
_MAGNITUDE = ".lora_magnitude_vector"  # of DoRA


@dataclass(frozen=True)
class LoraFile:
    """A LoRA: `weights` by name without the prefix `unet.`, as the file has them, on the CPU."""

    weights: dict[str, Tensor]
    rank: int
    alpha: float

    @property
    def modules(self) -> list[str]:
        """The names of the layers it is for, sorted."""
        return sorted({name.split(".lora_")[0] for name in self.weights})

    @property
    def dora(self) -> bool:
        """Whether it learnt the lengths of a weight's rows apart (Liu et al. 2024)."""
        return any(name.endswith(_MAGNITUDE) for name in self.weights)

    def matrices(self, module: str) -> tuple[Tensor, Tensor]:
        """Return A (rank, in, …) and B (out, rank, …) of a layer."""
        return self.weights[f"{module}.lora_A.weight"], self.weights[f"{module}.lora_B.weight"]

    def magnitude(self, module: str) -> Tensor | None:
        """Return the lengths of the rows of a layer's weight, `out` values; None if it is no DoRA."""
        return self.weights.get(module + _MAGNITUDE)


def read_lora(path: Path, unet: nn.Module) -> LoraFile:
    """Read the LoRA of a file.

    Without rank and alpha in its metadata it counts as alpha = rank, as in diffusers. Raises UserError for a
    file that is damaged or was trained on another model.
    """
    weights, adapter = _read(path)
    rank = _check_fits(unet, weights, path)
    return LoraFile(weights, rank, float(adapter.get(f"{PREFIX}lora_alpha", rank)))


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
    return {name.removeprefix(PREFIX): tensor for name, tensor in weights.items()}, adapter


def _check_fits(unet: nn.Module, weights: dict[str, Tensor], path: Path) -> int:
    """Return the LoRA's rank, if every matrix of it belongs to a layer of this UNet."""
    # Under a LoRA that is on the UNet, its own layers.
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
            if not isinstance(layer, nn.Linear | nn.Conv2d):
                problem = f"the UNet has no linear or convolutional layer {module}"
                break
            first, second = (tuple(weights[f"{module}.lora_{side}.weight"].shape) for side in "AB")
            out, *window = layer.weight.shape
            lengths = weights.get(module + _MAGNITUDE)
            if lengths is not None and lengths.numel() != out:
                problem = f"{module} has {out} outputs in the UNet, {lengths.numel()} in the LoRA"
                break
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
