"""Against PyTorch's own enlargement and convolution, in fp64."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.doubled_convolution import convolve_doubled, double
from kolors_dagster_tests.kolors.conftest import relative_error


def make_layer(*, bias: bool = True) -> nn.Conv2d:
    generator = torch.Generator().manual_seed(1)
    layer = nn.Conv2d(3, 5, 3, padding=1, bias=bias, dtype=torch.float64)
    for weight in layer.parameters():
        weight.data = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
    return layer.requires_grad_(False)


def make_pictures() -> Tensor:
    pictures = torch.randn(2, 3, 4, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return pictures.contiguous(memory_format=torch.channels_last)


def by_pytorch(pictures: Tensor, layer: nn.Module) -> Tensor:
    convolved: Tensor = layer(functional.interpolate(pictures, scale_factor=2.0, mode="nearest"))
    return convolved


@pytest.mark.parametrize("bias", [True, False])
def test_is_the_convolution_of_the_enlarged_picture(bias: bool) -> None:
    layer, pictures = make_layer(bias=bias), make_pictures()
    ours = convolve_doubled(pictures, layer)
    assert ours.shape == (2, 5, 8, 14)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    assert relative_error(ours, by_pytorch(pictures, layer)) < 1e-14


def test_so_is_its_gradient() -> None:
    layer, pictures = make_layer(), make_pictures().requires_grad_()
    pull = torch.randn(2, 5, 8, 14, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (ours,) = torch.autograd.grad(convolve_doubled(pictures, layer), pictures, pull)
    (expected,) = torch.autograd.grad(by_pytorch(pictures, layer), pictures, pull)
    assert relative_error(ours, expected) < 1e-14


@torch.no_grad()
def test_weights_are_joined_anew_when_they_change_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, pictures = make_layer(), make_pictures()
    joined: list[Tensor] = []

    def convolve(pictures: Tensor, weight: Tensor, padding: int) -> Tensor:
        joined.append(weight)
        return torch.conv2d(pictures, weight, padding=padding)

    monkeypatch.setattr(functional, "conv2d", convolve)
    before = convolve_doubled(pictures, layer)
    assert torch.equal(convolve_doubled(pictures, layer), before)
    assert joined[1] is joined[0]
    kept = layer.weight.clone()
    layer.weight += 0.5 * kept  # as a LoRA is put on
    monkeypatch.undo()
    assert relative_error(convolve_doubled(pictures, layer), by_pytorch(pictures, layer)) < 1e-14
    layer.weight.copy_(kept)  # and taken out
    assert torch.equal(convolve_doubled(pictures, layer), before)
    layer.to(torch.float32)
    assert convolve_doubled(pictures.float(), layer).dtype == torch.float32


def test_another_layer_is_given_the_enlarged_picture() -> None:
    layer, pictures = make_layer(), make_pictures()
    assert torch.equal(double(pictures), functional.interpolate(pictures, scale_factor=2.0, mode="nearest"))
    wrapped = nn.Sequential(layer)
    assert relative_error(convolve_doubled(pictures, wrapped), by_pytorch(pictures, layer)) < 1e-14


@torch.no_grad()
def test_in_16_bits_it_is_as_exact_as_pytorchs() -> None:
    layer, pictures = make_layer(), make_pictures()
    exact = by_pytorch(pictures, layer)
    layer, pictures = layer.bfloat16(), pictures.bfloat16()
    error = relative_error(convolve_doubled(pictures, layer).double(), exact)
    assert error < 1.5 * relative_error(by_pytorch(pictures, layer).double(), exact)
