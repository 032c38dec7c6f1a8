from pathlib import Path

import pytest
import torch
from torch import nn

from kolors_dagster.kolors.loading import load_text_encoder, load_unet
from kolors_dagster.kolors.merged_lora import MergedLora
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.text import TextEncoder
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids
from kolors_dagster_tests.kolors.test_lora import predict

CPU, META = torch.device("cpu"), torch.device("meta")
TEXTS = ["二次元，一个女孩", ""]


def same_embeddings(one: TextEncoder, other: TextEncoder) -> bool:
    ours, theirs = one.encode(TEXTS), other.encode(TEXTS)
    return torch.equal(ours.hidden_states, theirs.hidden_states) and torch.equal(ours.pooled, theirs.pooled)


def linear_bytes(model: nn.Module) -> int:
    return sum(part.weight.nbytes for part in model.modules() if isinstance(part, nn.Linear))


def test_a_streamed_encoder_gives_the_very_same_numbers(mini_folder: Path, kwai_folder: Path) -> None:
    whole = load_text_encoder(mini_folder, CPU, torch.float32)
    for folder in (mini_folder, kwai_folder):
        streamed = load_text_encoder(folder, CPU, torch.float32, stream=0)
        # The file's fp16, mapped from disk: each layer is brought to fp32 when it is its turn.
        assert linear_bytes(streamed.model) * 2 == linear_bytes(whole.model)
        assert same_embeddings(streamed, whole)


def test_a_model_in_memory_can_be_streamed_once(mini_folder: Path) -> None:
    whole = load_text_encoder(mini_folder, CPU, torch.float32)
    streamed = load_text_encoder(mini_folder, CPU, torch.float32)
    assert stream_linear_layers(streamed.model, CPU, torch.float32)
    assert not stream_linear_layers(streamed.model, CPU, torch.float32)
    assert same_embeddings(streamed, whole)


def test_the_weights_stay_on_the_cpu_while_another_device_computes(unet: KolorsUNet) -> None:
    stream_linear_layers(unet, META, torch.float16)
    places = {
        (isinstance(part, nn.Linear), weight.device.type)
        for part in unet.modules()
        for weight in part.parameters(recurse=False)
    }
    assert places == {(True, "cpu"), (False, "meta")}
    before = [part.weight for part in unet.modules() if isinstance(part, nn.Linear)]

    def on_meta(*shape: int) -> torch.Tensor:
        return torch.empty(shape, device=META, dtype=torch.float16)

    time_ids = make_time_ids(64, 64, 1, META, torch.float16)
    noise = unet(on_meta(1, 4, 8, 8), on_meta(1), on_meta(1, 16, 192), on_meta(1, 192), time_ids)
    assert noise.device == META and noise.dtype == torch.float16
    after = [part.weight for part in unet.modules() if isinstance(part, nn.Linear)]
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_a_streamed_unet_takes_a_lora_and_gives_it_back(mini_folder: Path, lora_file: Path) -> None:
    whole = load_unet(mini_folder, CPU, torch.float32)
    streamed = load_unet(mini_folder, CPU, torch.float32)
    stream_linear_layers(streamed, CPU, torch.float32)
    bare = predict(whole)
    assert torch.equal(predict(streamed), bare)
    MergedLora(whole, lora_file, 1.0)
    merged = MergedLora(streamed, lora_file, 1.0)
    assert torch.equal(predict(streamed), predict(whole)) and not torch.equal(predict(whole), bare)
    merged.take_out()
    assert torch.equal(predict(streamed), bare)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize(("keep_free", "stays"), [(0, "cuda"), (2**60, "cpu")])
def test_on_a_gpu_layers_stay_while_there_is_room(mini_folder: Path, keep_free: int, stays: str) -> None:
    device = torch.device("cuda")
    whole = load_text_encoder(mini_folder, device, torch.float16)
    streamed = load_text_encoder(mini_folder, device, torch.float16, stream=keep_free)
    for _ in range(2):
        assert same_embeddings(streamed, whole)
    linear = [part for part in streamed.model.modules() if isinstance(part, nn.Linear)]
    assert {part.weight.device.type for part in linear} == {stays}
    assert stream_linear_layers(streamed.model, device, torch.float16) == (stays == "cuda")
    assert same_embeddings(streamed, whole)
