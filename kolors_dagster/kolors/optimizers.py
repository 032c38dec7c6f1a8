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
    kind: Literal["adamw", "adamw8bit"], values: nn.Parameter, learning_rate: float
) -> "Optimizer":
    """Return AdamW on the vector `values`, with its averages in fp32 or in 8 bits."""
    if kind == "adamw8bit":
        from kolors_dagster.kolors.adamw_8bit import EightBitAdamW  # seconds of imports

        return EightBitAdamW(values, learning_rate)
    return torch.optim.AdamW([values], lr=learning_rate, fused=True)


def optimizer_tensors(optimizer: "Optimizer", values: nn.Parameter) -> dict[str, Tensor]:
    """Return the averages that the optimizer keeps of each value."""
    if not isinstance(optimizer, torch.optim.AdamW):
        return optimizer.tensors()
    return {average: optimizer.state[values][average] for average in _AVERAGES}


def restore_optimizer(
    optimizer: "Optimizer", values: nn.Parameter, tensors: Mapping[str, Tensor], step: int
) -> None:
    """Go back to the averages that `optimizer_tensors` returned after `step` steps."""
    if not isinstance(optimizer, torch.optim.AdamW):
        optimizer.restore(tensors, step)
        return
    state = {average: tensors[average] for average in _AVERAGES} | {"step": torch.tensor(float(step))}
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": {0: state}, "param_groups": groups})
