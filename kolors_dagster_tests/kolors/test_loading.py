import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils.serialization import config as serialization

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import loading
from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear
from kolors_dagster.kolors.layout import FP16_FIX_FOLDER
from kolors_dagster.kolors.loading import load_text_encoder, load_unet, load_vae

CPU = torch.device("cpu")


@pytest.fixture
def folder(mini_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(mini_folder, tmp_path / "model")
    return tmp_path / "model"


def test_both_layouts_load_to_the_same_tensors(mini_folder: Path, kwai_folder: Path) -> None:
    for load in (
        load_unet,
        lambda *where: load_text_encoder(*where).model,
        lambda *where: load_vae(*where).model,
    ):
        one, other = load(mini_folder, CPU, torch.float32), load(kwai_folder, CPU, torch.float32)
        weights = other.state_dict()
        assert weights.keys() == one.state_dict().keys()
        assert all(torch.equal(tensor, weights[name]) for name, tensor in one.state_dict().items())


def test_weights_are_those_of_the_file(mini_folder: Path) -> None:
    unet = load_unet(mini_folder, CPU, torch.float16)
    file = load_file(mini_folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(tensor, file[name]) for name, tensor in unet.state_dict().items())
    assert not unet.training and not any(parameter.requires_grad for parameter in unet.parameters())


def test_the_language_models_head_is_left_out(mini_folder: Path) -> None:
    model = load_text_encoder(mini_folder, CPU, torch.float16).model
    assert not any("output_layer" in name for name in model.state_dict())
    assert all(not tensor.is_meta and tensor.dtype == torch.float16 for tensor in model.state_dict().values())


class _Malicious:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.proof}",)


def test_a_pickle_that_runs_code_is_refused(kwai_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(kwai_folder, tmp_path / "model")
    proof = tmp_path / "it_ran"
    shard = tmp_path / "model" / "text_encoder" / "pytorch_model-00001-of-00003.bin"
    torch.save({"transformer.embedding.word_embeddings.weight": _Malicious(proof)}, shard)
    torch.load(shard, weights_only=False)
    assert proof.exists(), "the file is not the attack it is meant to be"
    proof.unlink()
    with pytest.raises(UserError, match="more than tensors"):
        load_text_encoder(tmp_path / "model", CPU, torch.float32)
    assert not proof.exists()


def test_a_bin_that_is_no_archive_is_refused(kwai_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(kwai_folder, tmp_path / "model")
    shard = tmp_path / "model" / "text_encoder" / "pytorch_model-00001-of-00003.bin"
    with zipfile.ZipFile(shard, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
    with pytest.raises(UserError, match="text_encoder"):
        load_text_encoder(tmp_path / "model", CPU, torch.float32)


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_weights_that_do_not_fit_are_named(folder: Path, change: str) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    if change == "missing":
        del weights["encoder_hid_proj.bias"]
    elif change == "unknown":
        weights["encoder_hid_proj.scale"] = torch.ones(1)
    else:
        weights["encoder_hid_proj.bias"] = torch.ones(3)
    save_file(weights, path)
    with pytest.raises(UserError, match="encoder_hid_proj"):
        load_unet(folder, CPU, torch.float32)


def test_a_truncated_file_is_named(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="vae: a weights file is damaged"):
        load_vae(folder, CPU, torch.float32)


def test_the_vae_is_in_fp16_only_if_made_for_it(folder: Path) -> None:
    assert next(load_vae(folder, CPU, torch.float16).model.parameters()).dtype == torch.float32
    shutil.copytree(folder / "vae", folder / FP16_FIX_FOLDER)
    path = folder / FP16_FIX_FOLDER / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    # The published file has the attention's older names.
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new_name, old_name in old.items():
        weights = {key.replace(f".{new_name}.", f".{old_name}."): value for key, value in weights.items()}
    weights["decoder.conv_in.bias"] += 1
    save_file(weights, path)
    fixed = load_vae(folder, CPU, torch.float16).model
    assert fixed.decoder.conv_in.weight.dtype == torch.float16
    assert torch.equal(fixed.decoder.conv_in.bias, weights["decoder.conv_in.bias"])
    for dtype in (torch.float32, torch.bfloat16):
        plain = load_vae(folder, CPU, dtype).model
        assert plain.decoder.conv_in.bias.dtype == torch.float32 and not plain.decoder.conv_in.bias.any()


def test_vae_config_decides_the_scaling(folder: Path) -> None:
    config = json.loads((folder / "vae" / "config.json").read_text())
    (folder / "vae" / "config.json").write_text(json.dumps(config | {"scaling_factor": 0.5}))
    assert load_vae(folder, CPU, torch.float32).scaling_factor == 0.5


def test_what_does_not_fit_whole_is_streamed(
    kwai_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load_state_dict = loading.load_state_dict
    tries: list[tuple[str, bool]] = []

    def with_little_memory(files: list[str], *settings: Any) -> Any:
        tries.append((Path(files[0]).parent.name, serialization.load.mmap))
        if not serialization.load.mmap:  # straight to the device
            raise torch.OutOfMemoryError
        return load_state_dict(files, *settings)

    monkeypatch.setattr(loading, "load_state_dict", with_little_memory)
    encoder = load_text_encoder(kwai_folder, CPU, torch.float32).model
    unet = load_unet(kwai_folder, CPU, torch.float32)
    assert tries == [(name, mapped) for name in ("text_encoder", "unet") for mapped in (False, True)]
    assert caplog.text.count("out of memory") == 2
    for model in (encoder, unet):
        assert any(isinstance(part, AutoWrappedLinear) for part in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
