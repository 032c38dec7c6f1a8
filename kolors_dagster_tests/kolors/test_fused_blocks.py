"""Against DiffSynth's own blocks and diffusers' UNet of the same files, on the CPU and, compiled, on a GPU.

In fp64: of pictures laid out channels last PyTorch's group norm for the CPU keeps only three digits of fp32.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.kolors.diffsynth import (
    GEGLU,
    BasicTransformerBlock,
    CrossAttnUpBlock2D,
    ResnetBlock2D,
    Transformer2DModel,
    UpBlock2D,
    Upsample2D,
)
from kolors_dagster.kolors.fixed_text import fixed_text
from kolors_dagster.kolors.fused_blocks import can_fuse, fuse_blocks
from kolors_dagster.kolors.gradient_checkpointing import checkpoint_gradients
from kolors_dagster.kolors.loading import load_unet
from kolors_dagster.kolors.lora import inject_lora, load_lora, lora_layers, remove_lora, save_lora
from kolors_dagster.kolors.text import TextEmbeddings
from kolors_dagster.kolors.text_padding import unfold_padding
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids
from kolors_dagster_tests.kolors.conftest import CPU, LORA_TARGETS, relative_error

# Every linear layer and convolution that the fused blocks call, and those around them.
EVERY_TARGET = [*LORA_TARGETS, "conv2", "time_emb_proj", "proj_in", "proj_out", "proj", "net.2"]
SHAPES = [(1, 64, 64), (3, 64, 96)]
ROUNDING = 1e-9
Inputs = tuple[Tensor, Tensor, TextEmbeddings, Tensor]


@pytest.fixture
def own(mini_folder: Path) -> KolorsUNet:
    """The UNet of DiffSynth's own blocks."""
    return vary_vectors(load_unet(mini_folder, CPU, torch.float64))


@pytest.fixture
def fused(mini_folder: Path) -> KolorsUNet:
    unet = vary_vectors(load_unet(mini_folder, CPU, torch.float64))
    fuse_blocks(unet)
    return unet


@pytest.fixture
def theirs(mini_folder: Path) -> Any:
    """Diffusers' UNet."""
    return vary_vectors(UNet2DConditionModel.from_pretrained(mini_folder / "unet", dtype=torch.float64))


def vary_vectors(unet: Any) -> Any:
    """Make every norm unlike the others, and every bias: an untrained model has ones and zeros there."""
    generator = torch.Generator().manual_seed(5)
    for _, weight in sorted(unet.named_parameters()):
        if weight.ndim == 1:
            weight.data += 0.2 * torch.randn(weight.shape, generator=generator)
    return unet


def make_inputs(rows: int, height: int, width: int, dtype: torch.dtype = torch.float64) -> Inputs:
    generator = torch.Generator().manual_seed(rows)
    latents = torch.randn(rows, 4, height // 8, width // 8, generator=generator)
    text = TextEmbeddings(
        torch.randn(rows, 20, 192, generator=generator), torch.randn(rows, 192, generator=generator)
    )
    timesteps = torch.tensor([900.0, 500.0, 20.0])[:rows]
    return latents.to(dtype), timesteps, text.to(CPU, dtype), make_time_ids(height, width, rows, CPU, dtype)


def predict(unet: KolorsUNet, inputs: Inputs) -> Tensor:
    latents, timesteps, text, time_ids = inputs
    return unet(latents, timesteps, text.hidden_states, text.pooled, time_ids)


def predict_by_diffusers(unet: Any, inputs: Inputs) -> Tensor:
    latents, timesteps, text, time_ids = inputs
    added = {"text_embeds": text.pooled, "time_ids": time_ids}
    hidden_states = unfold_padding(text.hidden_states)  # ours takes it folded
    return unet(latents, timesteps, hidden_states, added_cond_kwargs=added).sample


def put_lora_on(unet: KolorsUNet) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(7)
    parameters = inject_lora(unet, 2, 3.0, EVERY_TARGET, seed=3)
    for weight in parameters:
        weight.data += 0.05 * torch.randn(weight.shape, generator=generator)
        weight.data = weight.data.to(unet.conv_in.weight.dtype)
    return parameters


def test_every_block_is_fused_and_every_tensor_is_as_it_was(unet: KolorsUNet, mini_folder: Path) -> None:
    names = [name for name, _ in unet.named_modules()]
    before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    fuse_blocks(unet)
    up = (CrossAttnUpBlock2D, UpBlock2D, Upsample2D)
    slow = (GEGLU, BasicTransformerBlock, ResnetBlock2D, Transformer2DModel, *up)
    assert not [name for name, module in unet.named_modules() if type(module) in slow]
    assert sum(isinstance(module, slow) for module in unet.modules()) > 20
    assert [name for name, _ in unet.named_modules()] == names
    assert list(unet.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in unet.state_dict().items())
    windows = [module.weight for module in unet.modules() if isinstance(module, nn.Conv2d)]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in windows)
    load_unet(mini_folder, CPU, torch.float32).load_state_dict(unet.state_dict(), strict=True)


@torch.no_grad()
@pytest.mark.parametrize("shape", SHAPES)
def test_predicts_what_diffsynth_and_diffusers_do(
    own: KolorsUNet, fused: KolorsUNet, theirs: Any, shape: tuple[int, int, int]
) -> None:
    inputs = make_inputs(*shape)
    ours = predict(fused, inputs)
    assert ours.shape == inputs[0].shape
    assert relative_error(ours, predict(own, inputs)) < ROUNDING
    assert relative_error(ours, predict_by_diffusers(theirs, inputs)) < ROUNDING


@torch.no_grad()
def test_where_nothing_is_learnt_pictures_are_neither_joined_nor_enlarged(
    fused: KolorsUNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Tensor:
        raise AssertionError

    def join(parts: list[Tensor], dim: int = 0) -> Tensor:
        assert dim != 1 or parts[0].ndim < 4
        return torch.concat(parts, dim)

    monkeypatch.setattr("torch.nn.functional.interpolate", refuse)
    monkeypatch.setattr(
        "kolors_dagster.kolors.residual_block.group_norm_joined",
        lambda x, beside, norm: functional.silu(norm(torch.concat([x, beside], 1))),
    )
    monkeypatch.setattr("torch.cat", join)
    assert predict(fused, make_inputs(1, 64, 64)).isfinite().all()


@torch.no_grad()
def test_in_fp32_too(own: KolorsUNet, fused: KolorsUNet, theirs: Any) -> None:
    fused.float().to(memory_format=torch.contiguous_format)
    inputs = make_inputs(3, 64, 96, torch.float32)
    ours = predict(fused, inputs)
    assert relative_error(ours, predict(own.float(), inputs)) < 1e-5
    assert relative_error(ours, predict_by_diffusers(theirs.float(), inputs)) < 1e-5


def test_gradients_of_the_inputs_are_those_of_diffusers(fused: KolorsUNet, theirs: Any) -> None:
    inputs = make_inputs(3, 64, 96)
    latents, _, text, _ = inputs
    wanted = [tensor.requires_grad_() for tensor in (latents, text.hidden_states, text.pooled)]
    pull = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1)).double()
    ours = torch.autograd.grad(predict(fused, inputs), wanted, pull)
    by_diffusers = torch.autograd.grad(predict_by_diffusers(theirs, inputs), wanted, pull)
    for one, other in zip(ours, by_diffusers, strict=True):
        assert relative_error(one, other) < ROUNDING


@torch.no_grad()
def test_with_a_lora_and_with_fixed_text_too(
    own: KolorsUNet, fused: KolorsUNet, theirs: Any, tmp_path: Path
) -> None:
    inputs = make_inputs(3, 64, 96)
    _, _, text, time_ids = inputs
    bare = predict(fused, inputs)
    put_lora_on(own)
    assert {name.rpartition(".")[2] for name in lora_layers(own)} >= {"conv1", "conv2", "proj", "2"}
    save_lora(own, tmp_path / "lora.safetensors", {})
    for model in (own, fused):
        load_lora(model, tmp_path / "lora.safetensors", 0.8)
    theirs.load_lora_adapter(str(tmp_path), weight_name="lora.safetensors", prefix="unet", adapter_name="l")
    theirs.set_adapters("l", 0.8)
    ours = predict(fused, inputs)
    assert relative_error(ours, predict(own, inputs)) < ROUNDING
    assert relative_error(ours, predict_by_diffusers(theirs, inputs)) < ROUNDING
    assert relative_error(ours, bare) > 0.01
    with fixed_text(fused, text, time_ids):
        assert torch.equal(predict(fused, inputs), ours)
    remove_lora(fused)
    assert torch.equal(predict(fused, inputs), bare)


def lora_gradients(unet: KolorsUNet, inputs: Inputs) -> dict[str, Tensor]:
    weights = {name: weight for name, weight in unet.named_parameters() if weight.requires_grad}
    pull = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1)).to(inputs[0].dtype)
    gradients = torch.autograd.grad(predict(unet, inputs), list(weights.values()), pull)
    return dict(zip(weights, gradients, strict=True))


def test_a_lora_learns_the_same_also_with_gradient_checkpointing(own: KolorsUNet, fused: KolorsUNet) -> None:
    inputs = make_inputs(3, 64, 96)
    put_lora_on(own)
    put_lora_on(fused)
    ours, expected = lora_gradients(fused, inputs), lora_gradients(own, inputs)
    assert list(ours) == list(expected)
    for name, gradient in expected.items():
        assert gradient.abs().max() > 0 and relative_error(ours[name], gradient) < ROUNDING, name
    checkpoint_gradients(fused)
    again = lora_gradients(fused, inputs)
    assert all(torch.equal(again[name], gradient) for name, gradient in ours.items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_predicts_and_learns_what_the_cpu_does(
    own: KolorsUNet, mini_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    device = torch.device("cuda")
    unet, on_gpu = own.float(), load_unet(mini_folder, device, torch.float32)
    on_gpu.load_state_dict(unet.state_dict())
    latents, timesteps, text, time_ids = inputs = make_inputs(3, 64, 96, torch.float32)
    there = (latents.to(device), timesteps.to(device), text.to(device, torch.float32), time_ids.to(device))
    with torch.no_grad():
        assert relative_error(predict(on_gpu, there).cpu(), predict(unet, inputs)) < 1e-4
    put_lora_on(unet)
    inject_lora(on_gpu, 2, 3.0, EVERY_TARGET, seed=3)
    on_gpu.load_state_dict(unet.state_dict())
    pull = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1))
    trained = [weight for weight in on_gpu.parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(predict(on_gpu, there), trained, pull.to(device))
    for gradient, (name, wanted) in zip(gradients, lora_gradients(unet, inputs).items(), strict=True):
        assert relative_error(gradient.cpu(), wanted) < 1e-3, name


def test_where_triton_builds_nothing_the_unet_goes_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert not can_fuse(torch.device("cpu"))
    if torch.cuda.is_available():
        pytest.skip("Triton builds kernels here")
    pytest.importorskip("triton")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert not can_fuse(torch.device("cuda", 7))
    assert "the UNet goes without, slower" in caplog.text
