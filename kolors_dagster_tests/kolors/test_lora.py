import json
from pathlib import Path

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn.functional import conv2d

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.lora import (
    inject_lora,
    load_lora,
    lora_layers,
    remove_lora,
    save_lora,
    set_lora_weight,
)
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids
from kolors_dagster_tests.kolors.conftest import LORA_TARGETS

TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]


@torch.no_grad()
def predict(unet: KolorsUNet) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 4, 8, 8, generator=generator)
    hidden_states = torch.randn(1, 16, 192, generator=generator)
    pooled = torch.randn(1, 192, generator=generator)
    time_ids = make_time_ids(64, 64, 1, latents.device, latents.dtype)
    return unet(latents, torch.tensor(500), hidden_states, pooled, time_ids)


def test_taking_a_lora_off_leaves_the_unet_as_it_was(unet: KolorsUNet, lora_file: Path) -> None:
    bare, weights = predict(unet), {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    load_lora(unet, lora_file, 1.0)
    assert not torch.equal(predict(unet), bare)
    remove_lora(unet)
    assert torch.equal(predict(unet), bare)
    assert unet.state_dict().keys() == weights.keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in unet.state_dict().items())
    remove_lora(unet)  # there is none: nothing to do
    assert torch.equal(predict(unet), bare)


def test_the_weight_scales_the_update(unet: KolorsUNet, lora_file: Path) -> None:
    load_lora(unet, lora_file, 0.5)
    half = predict(unet)
    set_lora_weight(unet, 1.0)
    whole = predict(unet)
    assert not torch.equal(half, whole)
    load_lora(unet, lora_file, 1.0)
    assert torch.equal(predict(unet), whole)
    # The update itself, by hand, for one linear layer: W x + weight · alpha / rank · B A x.
    set_lora_weight(unet, 0.5)
    layers, file = lora_layers(unet), load_file(lora_file)
    name = next(name for name in layers if name.endswith("to_q"))
    a, b = (file[f"unet.{name}.lora_{side}.weight"] for side in "AB")
    x = torch.randn(3, a.shape[1], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        by_hand = layers[name].get_base_layer()(x) + 0.5 * 6.0 / 4 * x @ a.T @ b.T
        assert torch.allclose(layers[name](x), by_hand, atol=1e-5)
    # Of a convolution B A is one of the same window.
    name = "down_blocks.0.downsamplers.0.conv"
    a, b = (file[f"unet.{name}.lora_{side}.weight"] for side in "AB")
    x = torch.randn(2, a.shape[1], 6, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        update = torch.einsum("or,rihw->oihw", b[:, :, 0, 0], a)
        by_hand = layers[name].get_base_layer()(x) + 0.5 * 6.0 / 4 * conv2d(x, update, stride=2, padding=1)
        assert torch.allclose(layers[name](x), by_hand, atol=1e-5)


def test_a_new_lora_changes_nothing_yet_and_only_it_trains(unet: KolorsUNet) -> None:
    bare = predict(unet)
    parameters = inject_lora(unet.half(), 8, 4.0, TARGETS, seed=1)
    assert torch.equal(predict(unet.float()), bare)
    layers = [module for module in unet.modules() if isinstance(module, LoraLayer)]
    assert len(parameters) == 2 * len(layers) > 0
    assert all(parameter.dtype == torch.float32 for parameter in parameters)
    names = [name for name, parameter in unet.named_parameters() if parameter.requires_grad]
    assert len(names) == len(parameters) and all(".lora_" in name for name in names)


def test_a_new_lora_comes_from_its_seed_alone(unet: KolorsUNet, tmp_path: Path) -> None:
    files = []
    for state, seed in ((1, 5), (2, 5), (1, 6)):
        torch.manual_seed(state)
        remove_lora(unet)
        inject_lora(unet, 4, 4.0, TARGETS, seed=seed)
        save_lora(unet, tmp_path / f"{len(files)}.safetensors", {"style": "anime"})
        files.append((tmp_path / f"{len(files)}.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_saved_lora_is_the_same_after_a_round_trip(
    unet: KolorsUNet, lora_file: Path, tmp_path: Path
) -> None:
    load_lora(unet, lora_file, 0.3)
    save_lora(unet, tmp_path / "again.safetensors", {"style": "二次元", "steps": "3"})
    assert (tmp_path / "again.safetensors").read_bytes() == lora_file.read_bytes()


def test_bytes_do_not_vary_with_the_order_of_metadata(unet: KolorsUNet, tmp_path: Path) -> None:
    inject_lora(unet, 2, 4.0, TARGETS, seed=5)
    files, metadata = set(), {letter: "风格" for letter in "qwertyuiop"}  # the library shuffles them
    for order in (metadata, dict(reversed(metadata.items())), metadata, metadata):
        save_lora(unet, tmp_path / "lora.safetensors", order)
        files.add((tmp_path / "lora.safetensors").read_bytes())
    assert len(files) == 1


def test_the_file_says_what_it_is(lora_file: Path) -> None:
    with safe_open(lora_file, framework="pt") as file:
        metadata, names = file.metadata(), list(file.keys())
    assert metadata["style"] == "二次元" and metadata["steps"] == "3" and metadata["format"] == "pt"
    adapter = json.loads(metadata["lora_adapter_metadata"])
    assert adapter == {"unet.r": 4, "unet.lora_alpha": 6.0, "unet.target_modules": sorted(LORA_TARGETS)}
    assert all(name.startswith("unet.") and name.endswith(".weight") for name in names)


def test_without_metadata_alpha_is_the_rank(unet: KolorsUNet, lora_file: Path, tmp_path: Path) -> None:
    load_lora(unet, lora_file, 4 / 6)
    expected = predict(unet)
    save_file(load_file(lora_file), tmp_path / "plain.safetensors")
    load_lora(unet, tmp_path / "plain.safetensors", 1.0)
    assert torch.allclose(predict(unet), expected, atol=1e-6)


@pytest.mark.parametrize(
    "change", ["shape", "window", "second", "layer", "group norm", "kohya", "half", "empty", "rank"]
)
def test_a_lora_of_another_model_is_refused(
    unet: KolorsUNet, lora_file: Path, tmp_path: Path, change: str
) -> None:
    bare, weights = predict(unet), load_file(lora_file)
    first = next(name for name in weights if name.endswith("lora_A.weight"))
    if change == "shape":
        weights[first] = torch.ones(4, 3)
    elif change == "window":
        weights["unet.conv_in.lora_A.weight"] = torch.ones(4, 4, 1, 1)
    elif change == "second":
        weights["unet.conv_in.lora_B.weight"] = torch.ones(64, 4, 3, 3)
    elif change == "group norm":
        weights |= {f"unet.conv_norm_out.lora_{side}.weight": torch.ones(4, 4) for side in "AB"}
    elif change == "layer":
        weights = {name.replace("mid_block", "middle"): tensor for name, tensor in weights.items()}
    elif change == "kohya":
        weights = {"lora_unet_mid_block_to_q.lora_down.weight": torch.ones(4, 8)}
    elif change == "half":
        del weights[first]
    elif change == "empty":
        weights = {}
    else:
        weights[first] = weights[first][:2].clone()
    save_file(weights, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="does not fit"):
        load_lora(unet, tmp_path / "other.safetensors", 1.0)
    assert torch.equal(predict(unet), bare)


def test_a_damaged_file_is_named(unet: KolorsUNet, lora_file: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(lora_file.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"cut\.safetensors"):
        load_lora(unet, tmp_path / "cut.safetensors", 1.0)


def test_layers_that_do_not_exist_are_named(unet: KolorsUNet) -> None:
    with pytest.raises(UserError, match="to_everything"):
        inject_lora(unet, 4, 4.0, ["to_everything"], seed=0)
