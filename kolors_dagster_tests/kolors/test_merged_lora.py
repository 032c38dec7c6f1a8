from pathlib import Path

import pytest
import torch
from peft.tuners.lora import Linear as LoraLinear

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.lora import load_lora, lora_layers
from kolors_dagster.kolors.merged_lora import MergedLora
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster_tests.kolors.conftest import relative_error
from kolors_dagster_tests.kolors.test_lora import predict


@pytest.mark.parametrize("weight", [0.3, 1.0, -1.0])
def test_it_draws_what_peft_draws_with_layers_of_its_own(
    unet: KolorsUNet, lora_file: Path, weight: float
) -> None:
    load_lora(unet, lora_file, weight)
    by_peft = predict(unet)
    MergedLora(unet, lora_file, weight)
    assert not lora_layers(unet)
    assert relative_error(predict(unet), by_peft) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_taken_out_the_weights_are_the_same_bits(
    unet: KolorsUNet, lora_file: Path, dtype: torch.dtype
) -> None:
    unet.to(dtype)
    own = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    merged = MergedLora(unet, lora_file, 0.7)
    changed = [name for name, tensor in unet.state_dict().items() if not torch.equal(tensor, own[name])]
    assert changed and all(name.endswith(".weight") for name in changed)
    assert any(".attn" in name for name in changed) and "conv_in.weight" in changed
    merged.take_out()
    assert unet.state_dict().keys() == own.keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in unet.state_dict().items())


def test_a_lora_that_does_not_fit_leaves_the_unet_as_it_was(unet: KolorsUNet, tmp_path: Path) -> None:
    before = predict(unet)
    (tmp_path / "cut.safetensors").write_bytes(b"\0" * 9)
    with pytest.raises(UserError, match=r"cut\.safetensors"):
        MergedLora(unet, tmp_path / "cut.safetensors", 1.0)
    assert torch.equal(predict(unet), before)


def test_a_merge_that_breaks_off_leaves_the_unet_as_it_was(
    unet: KolorsUNet, lora_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    merged: list[object] = []
    merge = LoraLinear.merge

    def merge_three(layer: LoraLinear) -> None:
        if len(merged) == 3:
            raise torch.OutOfMemoryError
        merge(layer)
        merged.append(layer)

    monkeypatch.setattr(LoraLinear, "merge", merge_three)
    with pytest.raises(torch.OutOfMemoryError):
        MergedLora(unet, lora_file, 1.0)
    assert unet.state_dict().keys() == own.keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in unet.state_dict().items())
