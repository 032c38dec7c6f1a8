from typing import Literal

import pytest
import torch
from torch import nn

from kolors_dagster.kolors.optimizers import make_optimizer, optimizer_tensors, restore_optimizer


@pytest.mark.parametrize("kind", ["adamw", "adamw8bit"])
def test_state_is_plain_tensors_that_an_optimizer_goes_on_from(kind: Literal["adamw", "adamw8bit"]) -> None:
    weights = {name: nn.Parameter(torch.ones(side, 100)) for name, side in (("a", 50), ("b", 7))}
    optimizer = make_optimizer(kind, weights, 1e-2)
    for weight in weights.values():
        weight.grad = torch.linspace(-1, 1, weight.numel()).view(weight.shape)
    optimizer.step()
    state = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer, weights).items()}
    assert {type(tensor) for tensor in state.values()} == {torch.Tensor}
    copies = {name: nn.Parameter(weight.detach().clone()) for name, weight in weights.items()}
    resumed = make_optimizer(kind, copies, 1e-2)
    restore_optimizer(resumed, copies, {name: tensor.clone() for name, tensor in state.items()}, 1)
    for name, copy in copies.items():
        copy.grad = weights[name].grad
    optimizer.step()
    resumed.step()
    assert all(torch.equal(weights[name], copies[name]) for name in weights)
    after = optimizer_tensors(resumed, copies)
    assert any(not torch.equal(after[name], state[name]) for name in state)
