from pathlib import Path

import pytest
import torch
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import merged_lora
from kolors_dagster.kolors.lora import inject_lora, load_lora, lora_layers, remove_lora, save_lora
from kolors_dagster.kolors.merged_lora import MergedLora
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster_tests.kolors.conftest import LORA_TARGETS, relative_error
from kolors_dagster_tests.kolors.test_lora import predict


@pytest.mark.parametrize("weight", [0.3, 1.0, -1.0])
def test_it_draws_what_peft_draws_with_layers_of_its_own(
    unet: KolorsUNet, lora_file: Path, weight: float
) -> None:
    load_lora(unet, lora_file, weight)
    by_peft = predict(unet)
    remove_lora(unet)
    MergedLora(unet, lora_file, weight)
    assert relative_error(predict(unet), by_peft) < 1e-5


@pytest.fixture
def dora_file(unet: KolorsUNet, tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(8)
    for parameter in inject_lora(unet, 4, 6.0, LORA_TARGETS, seed=3, dora=True):
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    save_lora(unet, tmp_path / "dora.safetensors", {})
    remove_lora(unet)
    return tmp_path / "dora.safetensors"


@pytest.mark.parametrize("file", ["lora_file", "dora_file"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_sums_are_pefts_to_the_bit(
    unet: KolorsUNet, file: str, dtype: torch.dtype, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(file)
    unet.to(dtype).requires_grad_(False)
    own = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    load_lora(unet, path, 0.7)
    for layer in lora_layers(unet).values():
        layer.merge()
    remove_lora(unet)
    by_peft = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    unet.load_state_dict(own)
    memory = {name: tensor.data_ptr() for name, tensor in unet.state_dict().items()}
    merged = MergedLora(unet, path, 0.7)
    assert any(not torch.equal(tensor, own[name]) for name, tensor in by_peft.items())
    assert all(torch.equal(tensor, by_peft[name]) for name, tensor in unet.state_dict().items())
    merged.take_out()
    # What lies side by side in memory, to be multiplied as one, still does.
    assert {name: tensor.data_ptr() for name, tensor in unet.state_dict().items()} == memory
    assert all(torch.equal(tensor, own[name]) for name, tensor in unet.state_dict().items())


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
    multiply, done = merged_lora.multiply_matrices, 0

    def multiply_three(first: Tensor, second: Tensor, scale: float) -> Tensor:
        nonlocal done
        if done == 3:
            raise torch.OutOfMemoryError
        done += 1
        return multiply(first, second, scale)

    monkeypatch.setattr(merged_lora, "multiply_matrices", multiply_three)
    with pytest.raises(torch.OutOfMemoryError):
        MergedLora(unet, lora_file, 1.0)
    assert unet.state_dict().keys() == own.keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in unet.state_dict().items())
