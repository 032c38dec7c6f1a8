"""Against peft's own layer of the same weights, and against arithmetic in fp64 and fp32."""

from copy import deepcopy
from pathlib import Path
from typing import cast

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Conv2d as PeftConv2d
from peft.tuners.lora import Linear as PeftLinear
from torch import Tensor, nn

from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear
from kolors_dagster.kolors.lora import (
    ADAPTER,
    inject_lora,
    lora_layers,
    remove_lora,
    save_lora,
    set_lora_weight,
)
from kolors_dagster.kolors.lora_memory import LoraMemory
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids
from kolors_dagster_tests.kolors.conftest import CPU, LORA_TARGETS, relative_error

RANK, ALPHA, IN, OUT = 4, 6.0, 24, 40


class OneLayer(nn.Module):
    """A linear layer with a LoRA on it by peft: fp32 matrices on a base layer of any precision."""

    def __init__(self, bias: bool, dtype: torch.dtype) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.layer = nn.Linear(IN, OUT, bias=bias)
        for weight in self.layer.parameters():
            weight.data = torch.randn(weight.shape, generator=generator).to(dtype)
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["layer"])
        inject_adapter_in_model(config, self, adapter_name=ADAPTER)
        for matrix in (self.layer.lora_A, self.layer.lora_B):
            start = torch.randn(matrix[ADAPTER].weight.shape, generator=generator)
            matrix[ADAPTER].weight = nn.Parameter(start)

    def results(self, x: Tensor, pull: Tensor, memory: LoraMemory | None = None) -> dict[str, Tensor]:
        """Return the output, and the gradients of x, A and B of its product with `pull`."""
        x = x.detach().clone().requires_grad_()
        output = self.layer(x)
        output.backward(pull.to(output.dtype))
        if memory is not None:
            memory.add_up_gradients()
        found = {"output": output, "x": x.grad}
        found |= {side: matrix[ADAPTER].weight.grad for side, matrix in self.sides().items()}
        return {name: tensor for name, tensor in found.items() if tensor is not None}

    def sides(self) -> dict[str, nn.ModuleDict]:
        return {"A": self.layer.lora_A, "B": self.layer.lora_B}


def speed_up(model: nn.Module, dtype: torch.dtype = torch.float32) -> LoraMemory:
    return LoraMemory(cast(KolorsUNet, model), dtype)  # which reads no more of it than its layers


def make_x_and_pull(*rows: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*rows, IN, generator=generator), torch.randn(*rows, OUT, generator=generator)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(7,), (2, 5), (2, 3, 5)])
def test_output_and_gradients_are_pefts(bias: bool, rows: tuple[int, ...]) -> None:
    by_peft = OneLayer(bias, torch.float32)
    ours = deepcopy(by_peft)
    memory = speed_up(ours)
    assert type(ours.layer) is not PeftLinear
    x, pull = make_x_and_pull(*rows)
    found = ours.results(x, pull, memory)
    for name, expected in by_peft.results(x, pull).items():
        assert found[name].shape == expected.shape and found[name].dtype == expected.dtype
        assert relative_error(found[name], expected) < 1e-6, name


def test_what_is_no_row_after_row_in_memory_works_as_well() -> None:
    by_peft = OneLayer(True, torch.float32)
    ours = deepcopy(by_peft)
    memory = speed_up(ours)
    x, pull = make_x_and_pull(6, 5)
    x, pull = x.transpose(0, 1), pull.transpose(0, 1)
    found = ours.results(x, pull, memory)
    assert all(
        relative_error(found[name], wanted) < 1e-6 for name, wanted in by_peft.results(x, pull).items()
    )


def test_gradients_add_up_until_they_are_set_to_zero() -> None:
    model = OneLayer(True, torch.float32)
    memory = speed_up(model)
    x, pull = make_x_and_pull(7)
    once = {name: tensor.clone() for name, tensor in model.results(x, pull, memory).items()}
    twice = model.results(x, pull, memory)
    assert all(relative_error(twice[side], 2 * once[side]) < 1e-6 for side in "AB")
    memory.gradient.zero_()
    again = model.results(x, pull, memory)
    assert all(torch.equal(again[side], once[side]) for side in "AB")


def test_what_is_learnt_is_seen_once_the_copies_are_renewed() -> None:
    model = OneLayer(True, torch.bfloat16)
    memory = speed_up(model, torch.bfloat16)
    x = make_x_and_pull(7)[0].bfloat16()
    before = model.layer(x)
    with torch.no_grad():
        memory.values *= 2
    assert torch.equal(model.layer(x), before)
    memory.renew_copies()
    base = model.layer.get_base_layer()(x).float()
    assert relative_error(model.layer(x).float() - base, 4 * (before.float() - base)) < 0.05


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_the_results_are_those_of_fp32_but_for_rounding(
    bias: bool, dtype: torch.dtype
) -> None:
    by_peft = OneLayer(bias, dtype)
    ours = deepcopy(by_peft)
    memory = speed_up(ours, dtype)
    reference = deepcopy(by_peft).float()
    x, pull = (tensor.to(dtype) for tensor in make_x_and_pull(64))
    expected = reference.results(x.float(), pull.float())
    found, theirs = ours.results(x, pull, memory), by_peft.results(x, pull)
    rounding = torch.finfo(dtype).eps
    for name, value in found.items():
        assert value.dtype == theirs[name].dtype == (torch.float32 if name in "AB" else dtype)
        assert relative_error(value.float(), expected[name]) < rounding, name


def test_a_frozen_input_gets_no_gradient() -> None:
    by_peft = OneLayer(True, torch.float32)
    ours = deepcopy(by_peft)
    memory = speed_up(ours)
    x, pull = make_x_and_pull(7)
    for model in (by_peft, ours):
        model.layer(x).backward(pull)
        memory.add_up_gradients()
        assert x.grad is None and model.layer.get_base_layer().weight.grad is None
    for name, weight in by_peft.named_parameters():
        if "lora_" in name:
            assert weight.grad is not None and ours.get_parameter(name).grad is not None
            assert relative_error(ours.get_parameter(name).grad, weight.grad) < 1e-6  # type: ignore[arg-type]


def test_the_weight_of_the_lora_is_heeded() -> None:
    model = OneLayer(True, torch.float32)
    speed_up(model)
    layer, (x, _) = model.layer, make_x_and_pull(7)
    first, second = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
    for weight in (0.0, 0.5, 1.0, -1.0):
        set_lora_weight(cast(KolorsUNet, model), weight)
        by_hand = layer.get_base_layer()(x) + weight * ALPHA / RANK * (x @ first.t() @ second.t())
        torch.testing.assert_close(layer(x), by_hand, rtol=1e-5, atol=1e-5)


def put_lora_on(unet: KolorsUNet, targets: list[str]) -> None:
    generator = torch.Generator().manual_seed(7)
    for weight in inject_lora(unet, RANK, ALPHA, targets, seed=3):
        weight.data += 0.05 * torch.randn(weight.shape, generator=generator)


def predict_and_learn(unet: KolorsUNet, memory: LoraMemory | None = None) -> tuple[Tensor, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    latents, pull = torch.randn(2, 2, 4, 8, 16, generator=generator)
    hidden_states = torch.randn(2, 16, 192, generator=generator)
    pooled = torch.randn(2, 192, generator=generator)
    time_ids = make_time_ids(64, 128, 2, CPU, torch.float32)
    predicted = unet(latents, torch.tensor([900, 100]), hidden_states, pooled, time_ids)
    weights = {name: weight for name, weight in unet.named_parameters() if weight.requires_grad}
    for weight in weights.values() if memory is None else ():
        weight.grad = None
    predicted.backward(pull)
    if memory is not None:
        memory.add_up_gradients()
    return predicted, {name: weight.grad for name, weight in weights.items() if weight.grad is not None}


# The keys and values of the text alone: nothing before them learns, so their inputs need no gradient.
@pytest.mark.parametrize("targets", [LORA_TARGETS, ["attn2.to_k", "attn2.to_v"]])
def test_the_unet_predicts_and_learns_as_with_peft(
    unet: KolorsUNet, tmp_path: Path, targets: list[str]
) -> None:
    put_lora_on(unet, targets)
    expected, gradients = predict_and_learn(unet)
    save_lora(unet, tmp_path / "before.safetensors", {})
    names = [name for name, _ in unet.named_parameters()]
    predicted, found = predict_and_learn(unet, speed_up(unet))
    assert relative_error(predicted, expected) < 1e-5
    assert list(found) == list(gradients)
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 0 and relative_error(found[name], gradient) < 2e-5, name
    assert [name for name, _ in unet.named_parameters()] == names
    save_lora(unet, tmp_path / "after.safetensors", {})
    assert (tmp_path / "after.safetensors").read_bytes() == (tmp_path / "before.safetensors").read_bytes()


@torch.no_grad()
def test_taken_off_the_unet_is_as_it_was(unet: KolorsUNet) -> None:
    weights = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    put_lora_on(unet, LORA_TARGETS)
    speed_up(unet)
    remove_lora(unet)
    assert list(unet.state_dict()) == list(weights)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in unet.state_dict().items())


def test_convolutions_and_dora_stay_pefts(unet: KolorsUNet) -> None:
    put_lora_on(unet, LORA_TARGETS)
    speed_up(unet)
    kinds = {type(layer.get_base_layer()): type(layer) for layer in lora_layers(unet).values()}
    assert kinds[nn.Conv2d] is PeftConv2d and kinds[nn.Linear] is not PeftLinear
    remove_lora(unet)
    inject_lora(unet, RANK, ALPHA, ["to_q", "to_v"], seed=3, dora=True)
    speed_up(unet)
    assert {type(layer) for layer in lora_layers(unet).values()} == {PeftLinear}


def test_layers_that_are_streamed_stay_pefts(unet: KolorsUNet) -> None:
    """Their weights are elsewhere and in another precision; only the layer itself can fetch them."""
    stream_linear_layers(unet.half(), CPU, torch.float32)
    put_lora_on(unet, LORA_TARGETS)
    expected, gradients = predict_and_learn(unet)
    predicted, found = predict_and_learn(unet, speed_up(unet))
    assert torch.equal(predicted, expected)
    assert all(torch.equal(found[name], gradient) for name, gradient in gradients.items())
    layers = [layer for layer in lora_layers(unet).values() if isinstance(layer.get_base_layer(), nn.Linear)]
    assert layers and all(isinstance(layer.get_base_layer(), AutoWrappedLinear) for layer in layers)
