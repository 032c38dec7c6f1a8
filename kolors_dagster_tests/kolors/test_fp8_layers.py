"""Against fp32 and the UNet's own layers; PyTorch has 8-bit products for the CPU too."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.diffsynth import BasicTransformerBlock
from kolors_dagster.kolors.fixed_text import fixed_text
from kolors_dagster.kolors.fp8_layers import FP8, _Linear, fp8_layers, quantize_rows
from kolors_dagster.kolors.fused_blocks import fuse_blocks
from kolors_dagster.kolors.loading import load_unet
from kolors_dagster.kolors.lora import inject_lora
from kolors_dagster.kolors.merged_lora import MergedLora
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.text import TextEmbeddings
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids
from kolors_dagster_tests.kolors.conftest import CPU, relative_error

BF16 = torch.bfloat16
ROUNDING = 0.04  # of 8 bits with three digits after the point, in a product of many terms


def multiplies_on_the_cpu() -> bool:
    """Whether PyTorch itself, here, has 8-bit products with a scale for each row: what ours are made of."""
    rows, scale = torch.ones(16, 16).to(FP8), torch.ones(16, 1)
    try:
        torch._scaled_mm(rows, rows.t(), scale_a=scale, scale_b=scale.t(), out_dtype=BF16)
    except RuntimeError:
        return False
    return True


on_cpu = pytest.mark.skipif(not multiplies_on_the_cpu(), reason="PyTorch has no such 8-bit products here")
on_gpu = pytest.mark.skipif(
    not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 9),
    reason="needs a GPU with fp8",
)


@pytest.fixture
def unet(mini_folder: Path) -> KolorsUNet:
    return load_unet(mini_folder, CPU, BF16)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make_inputs(device: torch.device = CPU) -> tuple[Tensor, Tensor, TextEmbeddings, Tensor]:
    text = TextEmbeddings(draw(2, 256, 192, seed=1), draw(2, 192, seed=2)).to(device, BF16)
    latents, timesteps = draw(2, 4, 8, 16).to(device, BF16), torch.tensor([900.0, 20.0], device=device)
    return latents, timesteps, text, make_time_ids(64, 128, 2, device, BF16)


@torch.no_grad()
def predict(unet: KolorsUNet) -> Tensor:
    latents, timesteps, text, time_ids = make_inputs(unet.conv_in.weight.device)
    return unet(latents, timesteps, text.hidden_states, text.pooled, time_ids).float().cpu()


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_each_row_uses_all_of_its_eight_bits(size: float) -> None:
    x = size * draw(3, 5, 64) * torch.arange(1, 6)[:, None]
    rows, scale = quantize_rows(x)
    assert rows.dtype == FP8 and rows.shape == (15, 64) and scale.shape == (15, 1)
    assert (rows.float().abs().amax(dim=1) == 448).all()
    error = (rows.float() * scale - x.view(15, 64)).abs()
    # Half a unit of the last of three digits; near zero, half of what the smallest numbers are apart.
    assert (error <= torch.maximum(x.view(15, 64).abs() / 16, 2**-10 * scale) * 1.001).all()


@on_cpu
def test_zeros_stay_zeros_and_what_is_no_number_is_not_hidden() -> None:
    x = draw(4, 32)
    x[0], x[1, 3], x[2, 4] = 0.0, torch.nan, torch.inf
    layer = _Linear([nn.Linear(32, 16, dtype=BF16)])
    out = layer(x.to(BF16))
    assert torch.equal(out[0], layer.bias)
    assert not out[1:3].isfinite().any() and out[3].isfinite().all()


def test_after_geglu_it_is_the_geglu_that_is_quantized() -> None:
    x = draw(6, 2 * 48)
    expected = quantize_rows(x[:, :48] * functional.gelu(x[:, 48:]))
    assert all(
        torch.equal(one, other) for one, other in zip(quantize_rows(x, gated=True), expected, strict=True)
    )


@on_cpu
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_a_layer_computes_what_it_does_in_fp32(bias: bool) -> None:
    layer = nn.Linear(160, 320, bias=bias, dtype=BF16)
    layer.weight *= torch.logspace(-3, 3, 320)[:, None]  # one scale for all would lose the small rows
    x = (draw(2, 7, 160) * torch.logspace(-3, 3, 7)[:, None]).to(BF16)
    expected = layer.float()(x.float())
    out = _Linear([layer.to(BF16)])(x)
    assert out.dtype == BF16 and out.shape == expected.shape
    sizes = x.float().norm(dim=-1)[..., None] * layer.weight.float().norm(dim=1)
    error = (out.float() - expected).abs() - expected.abs() / 256  # which is bf16's own
    error = error.clamp(min=0) / sizes * 160**0.5
    assert error.square().mean().sqrt() < ROUNDING and error.max() < 5 * ROUNDING


@on_cpu
@pytest.mark.parametrize("fused", [False, True])
def test_the_large_products_are_swapped_and_put_back(unet: KolorsUNet, fused: bool) -> None:
    if fused:
        fuse_blocks(unet)
    before, own = list(unet.named_modules()), predict(unet)
    with pytest.raises(ZeroDivisionError), fp8_layers(unet, 16):
        named = dict(unet.named_modules())
        linear = [name for name, layer in named.items() if type(layer) is nn.Linear]
        assert linear and all(
            "time_emb" in name
            or "embedding" in name
            or name.endswith(("hid_proj", "attn2.to_k", "attn2.to_v"))
            for name in linear
        )
        assert sum(type(layer) is _Linear for layer in named.values()) > 50
        changed = predict(unet)
        raise ZeroDivisionError
    assert 1e-4 < relative_error(changed, own) < 2 * ROUNDING
    assert list(unet.named_modules()) == before
    assert torch.equal(predict(unet), own)


def test_only_inputs_with_many_outputs_pay(unet: KolorsUNet) -> None:
    with fp8_layers(unet, 480):
        for block in unet.modules():
            if isinstance(block, BasicTransformerBlock):
                width = block.norm1.normalized_shape[0]
                assert type(block.attn2.to_q) is nn.Linear
                assert (type(block.attn1.to_out) is nn.Linear) == (width == 160)  # its q, k and v: 480
                assert not hasattr(block.ff, "net")  # eight times the width


@on_cpu
def test_it_goes_with_fixed_text(unet: KolorsUNet) -> None:
    _, _, text, time_ids = make_inputs()
    with fp8_layers(unet, 16):
        expected = predict(unet)
        with torch.no_grad(), fixed_text(unet, text, time_ids):
            assert torch.equal(predict(unet), expected)


@on_cpu
def test_a_merged_lora_is_in_it_and_comes_out_to_the_bit(unet: KolorsUNet, lora_file: Path) -> None:
    bare = {name: weight.clone() for name, weight in unet.state_dict().items()}
    with fp8_layers(unet, 16):
        without = predict(unet)
    lora = MergedLora(unet, lora_file, 1.0)
    own = predict(unet)
    with fp8_layers(unet, 16):
        assert relative_error(predict(unet), own) < 2 * ROUNDING < relative_error(without, own)
    lora.take_out()
    assert all(torch.equal(weight, bare[name]) for name, weight in unet.state_dict().items())


def test_layers_with_a_lora_of_their_own_are_left(unet: KolorsUNet) -> None:
    inject_lora(unet, 2, 2.0, ["to_q"], seed=0)
    with fp8_layers(unet, 16):
        for block in unet.modules():
            if isinstance(block, BasicTransformerBlock):
                assert hasattr(block.attn1.to_q, "get_base_layer") and hasattr(
                    block.attn2.to_q, "get_base_layer"
                )


def test_a_streamed_unet_is_refused(unet: KolorsUNet) -> None:
    stream_linear_layers(unet, CPU, BF16)
    with pytest.raises(UserError, match="dtype: bf16"), fp8_layers(unet):
        pass


@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, BF16])
@pytest.mark.parametrize("width", [160, 640, 1280, 5120])
def test_the_kernel_rounds_as_pytorch_does(width: int, dtype: torch.dtype) -> None:
    x = (draw(33, width) * torch.logspace(-6, 6, 33)[:, None]).to(dtype)
    x[5] = 0
    for gated in (False, True):
        expected, scale = quantize_rows(x, gated=gated)
        found, found_scale = (part.cpu() for part in quantize_rows(x.cuda(), gated=gated))
        torch.testing.assert_close(found_scale, scale)
        same = (found.view(torch.uint8) == expected.view(torch.uint8)).float().mean()
        assert same > 0.995  # division and erf differ in their last bit, so a tie may fall otherwise
        assert ((found.float() - expected.float()).abs() <= expected.float().abs() / 8 + 2**-9).all()
    x[6, 1] = torch.nan
    rows, scale = quantize_rows(x.cuda())
    assert not (rows.float() * scale)[6].isfinite().any()


@on_cpu
@on_gpu
@torch.no_grad()
def test_a_gpu_multiplies_as_the_cpu_does() -> None:
    layer = nn.Linear(640, 1920, dtype=BF16)
    x = draw(2, 100, 640).to(BF16)
    expected = _Linear([layer])(x)
    out = _Linear([layer.cuda()])(x.cuda())
    assert relative_error(out.float().cpu(), expected.float()) < 0.01


@on_cpu
@on_gpu
def test_a_gpu_predicts_the_same_twice_and_by_replay(unet: KolorsUNet, mini_folder: Path) -> None:
    there = load_unet(mini_folder, torch.device("cuda"), BF16)
    with fp8_layers(unet, 16), fp8_layers(there, 16):
        first = predict(there)
        assert relative_error(first, predict(unet)) < 2 * ROUNDING
        assert torch.equal(predict(there), first)
        latents, timesteps, text, time_ids = make_inputs(torch.device("cuda"))
        graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), torch.cuda.graph(graph):
            out = there(latents, timesteps, text.hidden_states, text.pooled, time_ids)
        drawn = []
        for _ in range(2):
            graph.replay()
            drawn.append(out.float().cpu())
        assert relative_error(drawn[0], first) < ROUNDING and torch.equal(*drawn)
