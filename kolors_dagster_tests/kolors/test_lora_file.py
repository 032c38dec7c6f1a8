from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.lora import inject_lora, remove_lora, save_lora
from kolors_dagster.kolors.lora_file import read_lora
from kolors_dagster.kolors.unet import KolorsUNet

TARGETS = ["attn1.to_q", "conv_in"]


@pytest.mark.parametrize("dora", [False, True])
def test_what_was_saved_is_read(unet: KolorsUNet, tmp_path: Path, dora: bool) -> None:
    path = tmp_path / "lora.safetensors"
    inject_lora(unet, 4, 6.0, TARGETS, seed=3, dora=dora)
    save_lora(unet, path, {})
    remove_lora(unet)
    lora = read_lora(path, unet)
    assert (lora.rank, lora.alpha, lora.dora) == (4, 6.0, dora)
    assert lora.modules == sorted(lora.modules) and "conv_in" in lora.modules and len(lora.modules) > 2
    first, second = lora.matrices("conv_in")
    assert first.shape[0] == second.shape[1] == 4 and second.shape[0] == len(unet.conv_in.weight)
    lengths = lora.magnitude("conv_in")
    if dora:
        assert lengths is not None
        assert torch.allclose(lengths.flatten(), unet.conv_in.weight.flatten(1).norm(dim=1))
    else:
        assert lengths is None


def test_lengths_of_another_layer_are_refused(unet: KolorsUNet, tmp_path: Path) -> None:
    path = tmp_path / "dora.safetensors"
    inject_lora(unet, 4, 6.0, TARGETS, seed=3, dora=True)
    save_lora(unet, path, {})
    remove_lora(unet)
    weights = load_file(path)
    weights["unet.conv_in.lora_magnitude_vector"] = torch.ones(3)
    save_file(weights, path)
    with pytest.raises(UserError, match="conv_in has 64 outputs in the UNet, 3 in the LoRA"):
        read_lora(path, unet)
