"""The optimizers a recipe can name, and their state as plain tensors for a checkpoint."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from kolors_dagster.kolors.adamw_8bit import EightBitAdamW

    Optimizer: TypeAlias = torch.optim.AdamW | EightBitAdamW

_AVERAGES = ("exp_avg", "exp_avg_sq")


def make_optimizer(
    kind: Literal["adamw", "adamw8bit"], weights: Mapping[str, nn.Parameter], learning_rate: float
) -> "Optimizer":
    """Return AdamW on `weights`, with its averages in fp32 or in 8 bits."""
    if kind == "adamw8bit":
        from kolors_dagster.kolors.adamw_8bit import EightBitAdamW  # seconds of imports

        return EightBitAdamW(weights.values(), learning_rate)
    return torch.optim.AdamW(weights.values(), lr=learning_rate, fused=True)


def optimizer_tensors(optimizer: "Optimizer", weights: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the averages that the optimizer keeps of each weight, on the CPU, under names of their own."""
    if not isinstance(optimizer, torch.optim.AdamW):
        return optimizer.tensors()
    return {
        f"{name}/{average}": optimizer.state[weight][average].cpu()
        for name, weight in weights.items()
        for average in _AVERAGES
    }


def restore_optimizer(
    optimizer: "Optimizer", weights: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor], step: int
) -> None:
    """Go back to the averages that `optimizer_tensors` returned after `step` steps."""
    if not isinstance(optimizer, torch.optim.AdamW):
        optimizer.restore(tensors, step)
        return
    state = {
        number: {average: tensors[f"{name}/{average}"] for average in _AVERAGES}
        | {"step": torch.tensor(float(step))}
        for number, name in enumerate(weights)
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
