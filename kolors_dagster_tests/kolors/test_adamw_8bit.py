from collections.abc import Iterable

import pytest
import torch
from torch import nn
from torchao.optim import AdamW8bit

from kolors_dagster.kolors import adamw_8bit
from kolors_dagster.kolors.adamw_8bit import EightBitAdamW


def make_weights(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def give_gradients(weights: Iterable[nn.Parameter], step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator) * 10.0**-step


@pytest.mark.parametrize("values", [2**20, 5000])
def test_steps_are_those_of_torchao_where_that_keeps_bytes(
    values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matrices of whole blocks, so that stringing them together shifts none; in one vector and in several."""
    monkeypatch.setattr(adamw_8bit, "_VECTOR", values)
    shapes = (64, 64), (4096,), (128, 64), (16, 16, 16)
    ours, theirs = make_weights(*shapes), make_weights(*shapes)
    optimizer, oracle = EightBitAdamW(ours, 1e-2), AdamW8bit(theirs, lr=1e-2)
    for step in range(3):
        give_gradients(ours, step)
        give_gradients(theirs, step)
        optimizer.param_groups[0]["lr"] = 1e-2 / (step + 1)
        oracle.param_groups[0]["lr"].fill_(1e-2 / (step + 1))
        optimizer.step()
        with torch.compiler.set_stance("force_eager"):
            oracle.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_small_matrices_are_kept_in_bytes_too() -> None:
    weights = make_weights(*[(16, 100)] * 100)
    optimizer = EightBitAdamW(weights, 1e-3)
    before = [weight.data_ptr() for weight in weights]
    give_gradients(weights, 0)
    optimizer.step()
    assert [weight.data_ptr() for weight in weights] == before
    plain = 2 * sum(weight.nbytes for weight in weights)
    assert sum(tensor.nbytes for tensor in optimizer.tensors().values()) < 0.27 * plain


def test_goes_on_from_its_tensors() -> None:
    one = make_weights((10, 30), (500, 20))
    whole = EightBitAdamW(one, 1e-2)
    for step in range(2):
        give_gradients(one, step)
        whole.step()
    other = [nn.Parameter(weight.detach().clone()) for weight in one]
    resumed = EightBitAdamW(other, 1e-2)
    resumed.restore({name: tensor.clone() for name, tensor in whole.tensors().items()}, 2)
    for optimizer, weights in ((whole, one), (resumed, other)):
        give_gradients(weights, 2)
        optimizer.step()
    assert all(torch.equal(first, second) for first, second in zip(one, other, strict=True))
