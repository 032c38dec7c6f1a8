"""Run by test_kernels under TRITON_INTERPRET=1: forward and backward of every kernel against PyTorch."""

import itertools

import torch
from torch import Tensor
from torch.nn import functional

from kolors_dagster.kolors.kernels import group_norm, layer_norm, pointwise

GENERATOR = torch.Generator().manual_seed(0)
GROUPS = 32


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=GENERATOR)


def check(name: str, ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-4, atol=2e-5)
    print(name)


def check_pointwise() -> None:
    x = draw(3, 5, 2 * 1100).requires_grad_()  # more than one block wide
    value, gate = x.chunk(2, dim=-1)
    expected, grad = value * functional.gelu(gate), draw(3, 5, 1100)
    expected.backward(grad)
    assert x.grad is not None
    check("geglu", pointwise.geglu(x.detach()), expected)
    check("geglu, backward", pointwise.geglu_back(x.detach(), grad), x.grad)
    x, y, bias = draw(2, 9, 96), draw(2, 9, 96), draw(96)
    check("add_bias", pointwise.add_bias(x, y, bias), x + y + bias)


def check_layer_norm(adds: bool) -> None:
    x, change, weight, bias = draw(7, 160).requires_grad_(), draw(7, 160), draw(160), draw(160)
    total = x + change if adds else x * 1
    expected = functional.layer_norm(total, (160,), weight, bias, 1e-5)
    grads = draw(7, 160), draw(7, 160)
    torch.autograd.backward([total, expected], grads)
    assert x.grad is not None
    kept, out, mean, rstd = layer_norm.add_norm(x.detach(), change if adds else None, weight, bias, 1e-5)
    torch.testing.assert_close(kept, total.detach())
    check("layer norm", out, expected)
    check("layer norm, backward", layer_norm.add_norm_back(kept, *grads, weight, mean, rstd), x.grad)


def check_group_norm(size: tuple[int, int, int, int], silu: bool, shifts: bool) -> None:
    count, channels, height, width = size
    x, shift = draw(*size).requires_grad_(), draw(count, channels) if shifts else None
    weight, bias, grad = draw(channels), draw(channels), draw(*size)
    moved = x if shift is None else x + shift[:, :, None, None]
    expected = functional.group_norm(moved, GROUPS, weight, bias, 1e-5)
    expected = functional.silu(expected) if silu else expected
    expected.backward(grad)
    assert x.grad is not None
    rows, grad_rows = (
        part.detach().permute(0, 2, 3, 1).reshape(count, -1, channels).contiguous() for part in (x, grad)
    )
    out, mean, rstd = group_norm.group_norm(rows, shift, GROUPS, weight, bias, 1e-5, silu)
    back = group_norm.group_norm_back(rows, shift, grad_rows, GROUPS, weight, bias, mean, rstd, silu)
    for name, ours, theirs in (("", out, expected), (", backward", back, x.grad)):
        check(f"group norm{name}", ours.view(count, height, width, channels).permute(0, 3, 1, 2), theirs)


check_pointwise()
check_layer_norm(False)
check_layer_norm(True)
sizes = ((2, 160, 8, 12), (1, 64, 3, 3))  # several parts and channel blocks; fewer pixels than a block
for size, (silu, shifts) in itertools.product(sizes, ((True, True), (True, False), (False, False))):
    check_group_norm(size, silu, shifts)
check_group_norm((1, 320, 16, 9), True, True)
