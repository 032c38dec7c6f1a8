import pytest
import torch
from torch import Tensor, nn
from torchao.optim import AdamW8bit

from kolors_dagster.kolors import adamw_8bit
from kolors_dagster.kolors.adamw_8bit import EightBitAdamW

LENGTH = 5 * 4096


def make_values() -> nn.Parameter:
    return nn.Parameter(torch.randn(LENGTH, generator=torch.Generator().manual_seed(0)))


def make_gradient(step: int) -> Tensor:
    return torch.randn(LENGTH, generator=torch.Generator().manual_seed(step)) * 10.0**-step


@pytest.mark.parametrize("piece", [2**20, 2 * 4096])
def test_steps_are_those_of_torchao(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one piece and in several."""
    monkeypatch.setattr(adamw_8bit, "_PIECE", piece)
    ours, theirs = make_values(), make_values()
    optimizer, oracle = EightBitAdamW(ours, 1e-2), AdamW8bit([theirs], lr=1e-2)
    for step in range(3):
        ours.grad, theirs.grad = make_gradient(step), make_gradient(step)
        optimizer.param_groups[0]["lr"] = 1e-2 / (step + 1)
        oracle.param_groups[0]["lr"].fill_(1e-2 / (step + 1))
        optimizer.step()
        with torch.compiler.set_stance("force_eager"):
            oracle.step()
    assert torch.equal(ours, theirs)


def test_the_averages_are_kept_in_bytes() -> None:
    values = make_values()
    optimizer, before = EightBitAdamW(values, 1e-3), values.data_ptr()
    values.grad = make_gradient(0)
    optimizer.step()
    assert values.data_ptr() == before
    assert sum(tensor.nbytes for tensor in optimizer.tensors().values()) < 0.27 * 2 * values.nbytes


def test_goes_on_from_its_tensors() -> None:
    one = make_values()
    whole = EightBitAdamW(one, 1e-2)
    for step in range(2):
        one.grad = make_gradient(step)
        whole.step()
    other = nn.Parameter(one.detach().clone())
    resumed = EightBitAdamW(other, 1e-2)
    resumed.restore({name: tensor.clone() for name, tensor in whole.tensors().items()}, 2)
    for optimizer, values in ((whole, one), (resumed, other)):
        values.grad = make_gradient(2)
        optimizer.step()
    assert torch.equal(one, other)
