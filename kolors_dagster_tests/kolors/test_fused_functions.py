"""On a GPU these are Triton's kernels, so what PyTorch's own layers say is asked there too."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.fused_functions import (
    add_bias,
    add_norm,
    geglu,
    group_norm,
    multiply_gated,
    shift_norm,
)

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")),
]
PICTURES, TOKENS, SHIFT = (3, 16, 8, 12), (3, 40, 16), (3, 16)


def layer_norm_after_sum(x: Tensor, change: Tensor, norm: nn.LayerNorm) -> tuple[Tensor, Tensor]:
    return x + change, norm(x + change)


def geglu_by_hand(projected: Tensor) -> Tensor:
    half = projected.shape[-1] // 2
    return projected[..., :half] * functional.gelu(projected[..., half:])


CASES: dict[str, tuple[Callable, Callable, list[tuple[int, ...]], str | None]] = {
    "geglu": (geglu, geglu_by_hand, [TOKENS], None),
    "group_norm": (group_norm, lambda x, norm: norm(x), [PICTURES], "group"),
    "silu of the norm": (
        lambda x, norm: group_norm(x, norm, silu=True),
        lambda x, norm: nn.SiLU()(norm(x)),
        [PICTURES],
        "group",
    ),
    "silu of the norm of the sum": (
        lambda x, shift, norm: group_norm(x, norm, shift, silu=True),
        lambda x, shift, norm: nn.SiLU()(norm(x + shift.view(*shift.shape, 1, 1))),
        [PICTURES, SHIFT],
        "group",
    ),
    "add_bias": (
        lambda x, y: add_bias(x, y, torch.arange(16, device=x.device, dtype=x.dtype)),
        lambda x, y: x + y + torch.arange(16, device=x.device, dtype=x.dtype)[:, None, None],
        [PICTURES, PICTURES],
        None,
    ),
    "norm of nothing added": (
        lambda x, norm: add_norm(x, None, norm),
        lambda x, norm: (x, norm(x)),
        [TOKENS],
        "layer",
    ),
    "add_norm": (add_norm, layer_norm_after_sum, [TOKENS, TOKENS], "layer"),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_results_and_gradients_are_those_of_pytorchs_layers(name: str, device: str) -> None:
    fused, by_layers, shapes, kind = CASES[name]
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device).requires_grad_()

    inputs: list[Tensor] = [draw(*shape) for shape in shapes]
    norms: list[nn.Module] = []
    if kind:
        norm = nn.GroupNorm(4, 16, eps=1e-3) if kind == "group" else nn.LayerNorm(16, eps=1e-3)
        norm.weight, norm.bias = nn.Parameter(draw(16).detach()), nn.Parameter(draw(16).detach())
        norms = [norm.requires_grad_(False)]

    def results_and_gradients(function: Callable) -> list[Tensor]:
        results = function(*inputs, *norms)
        results = list(results) if isinstance(results, tuple) else [results]
        total = sum((result * result.detach().cos()).sum() for result in results)
        return [*results, *torch.autograd.grad(total, inputs)]

    for ours, theirs in zip(results_and_gradients(fused), results_and_gradients(by_layers), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", CASES)
def test_in_half_precision_no_further_from_the_truth_than_pytorchs_layers(name: str) -> None:
    fused, by_layers, shapes, kind = CASES[name]
    generator = torch.Generator("cuda").manual_seed(0)
    inputs = [torch.randn(shape, generator=generator, device="cuda") for shape in shapes]
    norm = nn.GroupNorm(4, 16) if kind == "group" else nn.LayerNorm(16)
    norms = [norm.cuda()] if kind else []
    halves = [tensor.half() for tensor in inputs]

    def last(results: Tensor | tuple[Tensor, ...]) -> Tensor:
        return (results[-1] if isinstance(results, tuple) else results).detach().float()

    truth = last(by_layers(*(tensor.float() for tensor in halves), *norms))
    if norms:
        norm.half()
    ours, theirs = last(fused(*halves, *norms)), last(by_layers(*halves, *norms))
    assert (ours - truth).norm() <= 1.1 * (theirs - truth).norm() + 1e-6


@torch.no_grad()
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rows", [1, 300, 1200])
def test_geglu_of_a_layer(device: str, rows: int) -> None:
    """On a Hopper GPU one kernel; with odd sizes, elsewhere and where gradients are wanted, two."""
    generator = torch.Generator().manual_seed(rows)
    for inputs, outputs in ((128, 256), (128, 200)):
        layer = nn.Linear(inputs, 2 * outputs).to(device, torch.float16)
        x = torch.randn(2, rows, inputs, generator=generator).to(device, torch.float16)
        expected = geglu_by_hand(functional.linear(x.float(), layer.weight.float(), layer.bias.float()))
        ours = multiply_gated(x, layer)
        torch.testing.assert_close(ours.float(), expected, rtol=4e-3, atol=2e-3)
        assert torch.equal(multiply_gated(x, layer), ours)
    with torch.enable_grad():
        assert multiply_gated(x, layer).grad_fn is not None


@torch.no_grad()
@pytest.mark.parametrize("device", DEVICES)
def test_layer_norm_of_shifted_tokens(device: str) -> None:
    x, shift, norm = torch.randn(3, 40, 160).half(), torch.randn(160), nn.LayerNorm(160).half()
    expected = norm.float()(x.float() + shift)
    ours = shift_norm(x.to(device), shift.to(device), norm.half().to(device))
    assert ours.dtype == torch.float16
    torch.testing.assert_close(ours.float().cpu(), expected, rtol=4e-3, atol=4e-3)
