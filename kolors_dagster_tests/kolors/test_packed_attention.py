"""Against DiffSynth's own attention, and peft's layers on it."""

from copy import deepcopy
from typing import Any, cast

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from kolors_dagster.kolors import packed_attention
from kolors_dagster.kolors.diffsynth import Attention
from kolors_dagster.kolors.lora import ADAPTER
from kolors_dagster.kolors.lora_memory import LoraMemory
from kolors_dagster.kolors.packed_attention import PackedAttention, pack_weights
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.text_padding import unfold_padding
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster_tests.kolors.conftest import CPU, relative_error

WIDTH, TEXT_WIDTH, HEADS = 32, 24, 2
ROUNDING = 1e-12  # all is in fp64
KINDS = {"attn1": None, "attn2": TEXT_WIDTH}


class OneAttention(nn.Module):
    """An attention under the name it has in the UNet."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        attention = Attention(WIDTH, HEADS, WIDTH // HEADS, cross_attention_dim=KINDS[kind])
        for weight in attention.parameters():
            weight.data = torch.randn(weight.shape, generator=generator, dtype=torch.float64) / 5
            weight.requires_grad_(False)
        self.kind = kind
        self.add_module(kind, attention)

    @property
    def attention(self) -> Attention:
        return cast(Attention, self.get_submodule(self.kind))

    def pack(self) -> "OneAttention":
        packed = deepcopy(self)
        packed.attention.__class__ = PackedAttention
        pack_weights(packed.attention)
        return packed

    def put_lora_on(self, targets: list[str], *, dora: bool = False) -> None:
        config = LoraConfig(r=4, lora_alpha=6.0, target_modules=targets, use_dora=dora)
        inject_adapter_in_model(config, self, adapter_name=ADAPTER)
        generator = torch.Generator().manual_seed(1)
        for name, weight in self.named_parameters():
            if "lora_" in name:
                start = torch.zeros_like(weight) if "lora_A" in name else weight.data
                change = torch.randn(weight.shape, generator=generator, dtype=torch.float64) / 5
                weight.data = start.double() + change

    def learn(self, memory: LoraMemory | None = None) -> dict[str, Tensor]:
        """Return the output and the gradients of its input and of the LoRA, of its product with something."""
        generator = torch.Generator().manual_seed(2)
        x = torch.randn(2, 12, WIDTH, generator=generator).double().requires_grad_()
        text = torch.randn(2, 5, TEXT_WIDTH, generator=generator).double() if KINDS[self.kind] else None
        if text is not None and not isinstance(self.attention, PackedAttention):
            text = unfold_padding(text)  # the first of five tokens stands for 252
        output = self.attention(x, encoder_hidden_states=text)
        output.backward(torch.randn(output.shape, generator=generator).double())
        if memory is not None:
            memory.add_up_gradients()
        found = {"output": output, "x": x.grad}
        found |= {name: weight.grad for name, weight in self.named_parameters()}
        return {name: tensor for name, tensor in found.items() if tensor is not None}


@pytest.fixture(name="products")
def count_products(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many layers each matrix product of several stands for."""
    counts: list[int] = []
    span = packed_attention._span

    def counted(weights: list[nn.Parameter]) -> Tensor | None:
        found = span(weights)
        counts.append(len(weights) if found is not None else 1)
        return found

    monkeypatch.setattr(packed_attention, "_span", counted)
    return counts


TOGETHER = {"attn1": 3, "attn2": 2}


@pytest.mark.parametrize("kind", KINDS)
def test_attends_as_diffsynth_does(kind: str, products: list[int]) -> None:
    own = OneAttention(kind)
    found, expected = own.pack().learn(), own.learn()
    assert set(found) == set(expected) == {"output", "x"}
    assert all(relative_error(found[name], expected[name]) < ROUNDING for name in expected)
    assert products == [TOGETHER[kind]]


@pytest.mark.parametrize("targets", [["to_q", "to_k", "to_v", "to_out.0"], ["to_k", "to_v"], ["to_q"]])
@pytest.mark.parametrize("kind", KINDS)
def test_learns_as_with_peft(kind: str, targets: list[str]) -> None:
    own = OneAttention(kind)
    packed = own.pack()
    own.put_lora_on(targets)
    packed.put_lora_on(targets)
    expected = own.learn()
    found = packed.learn(LoraMemory(cast(KolorsUNet, packed), torch.float64))
    assert len(expected) == 2 + 2 * len(targets) and set(found) == set(expected)
    assert all(relative_error(found[name], expected[name]) < ROUNDING for name in expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loras_of_several_layers_are_one_product(kind: str, products: list[int]) -> None:
    packed = OneAttention(kind).pack()
    packed.put_lora_on(["to_q", "to_k", "to_v"])
    packed.learn(LoraMemory(cast(KolorsUNet, packed), torch.float64))
    assert products == [TOGETHER[kind]]


def test_a_lora_added_to_the_weights_is_seen(products: list[int]) -> None:
    packed = OneAttention("attn1").pack()
    packed.put_lora_on(["to_q", "to_v"])
    with_lora = packed.learn()["output"]
    for name in ("to_q", "to_v"):
        layer: Any = getattr(packed.attention, name)
        layer.merge()
        setattr(packed.attention, name, layer.get_base_layer())
    assert relative_error(packed.learn()["output"], with_lora) < ROUNDING
    assert products[-1] == 3


def test_layers_that_are_no_longer_side_by_side_are_asked_one_by_one(products: list[int]) -> None:
    own = OneAttention("attn1")
    expected, packed = own.learn(), own.pack()
    packed.attention.to_k.weight.data = packed.attention.to_k.weight.data.clone()
    assert relative_error(packed.learn()["output"], expected["output"]) < ROUNDING
    stream_linear_layers(packed, CPU, torch.float64)
    assert relative_error(packed.learn()["output"], expected["output"]) < ROUNDING
    assert 3 not in products


def test_dora_stays_pefts() -> None:
    own = OneAttention("attn1")
    packed = own.pack()
    for model in (own, packed):
        model.put_lora_on(["to_q", "to_k", "to_v"], dora=True)
    expected = own.learn()
    found = packed.learn(LoraMemory(cast(KolorsUNet, packed), torch.float64))
    assert len(found) == len(expected) == 2 + 3 * 3
    assert all(relative_error(found[name], expected[name]) < ROUNDING for name in expected)
