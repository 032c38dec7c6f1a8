from typing import Literal

import pytest
import torch
from torch import nn

from kolors_dagster.kolors.optimizers import make_optimizer, optimizer_tensors, restore_optimizer


@pytest.mark.parametrize("kind", ["adamw", "adamw8bit"])
def test_state_is_plain_tensors_that_an_optimizer_goes_on_from(kind: Literal["adamw", "adamw8bit"]) -> None:
    values = nn.Parameter(torch.ones(8192))
    optimizer = make_optimizer(kind, values, 1e-2)
    values.grad = torch.linspace(-1, 1, len(values))
    optimizer.step()
    state = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer, values).items()}
    assert {type(tensor) for tensor in state.values()} == {torch.Tensor}
    copies = nn.Parameter(values.detach().clone())
    resumed = make_optimizer(kind, copies, 1e-2)
    restore_optimizer(resumed, copies, {name: tensor.clone() for name, tensor in state.items()}, 1)
    copies.grad = values.grad
    optimizer.step()
    resumed.step()
    assert torch.equal(values, copies)
    after = optimizer_tensors(resumed, copies)
    assert any(not torch.equal(after[name], state[name]) for name in state)
