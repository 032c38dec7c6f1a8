"""`test_fused_blocks` compares what comes out with DiffSynth's and diffusers' UNets."""

from pathlib import Path

import pytest
import torch
from torch import nn

from kolors_dagster.kolors.fp8_layers import fp8_layers
from kolors_dagster.kolors.fused_blocks import fuse_blocks
from kolors_dagster.kolors.loading import load_unet
from kolors_dagster.kolors.lora import inject_lora
from kolors_dagster.kolors.residual_stream import adds_in_products, transform
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster_tests.kolors.conftest import CPU, relative_error
from kolors_dagster_tests.kolors.test_fused_blocks import vary_vectors

CUDA = torch.device("cuda")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture
def unet(mini_folder: Path) -> KolorsUNet:
    unet = load_unet(mini_folder, CPU, torch.float32)
    fuse_blocks(unet)
    return unet


def transformer_of(unet: KolorsUNet) -> nn.Module:
    transformer: nn.Module = unet.mid_block.attentions[0]
    return transformer


@torch.no_grad()
def test_plain_layers_add_in_products_where_nothing_is_learnt(unet: KolorsUNet) -> None:
    transformer = transformer_of(unet)
    assert adds_in_products(transformer)
    with torch.enable_grad():
        assert not adds_in_products(transformer)


@torch.no_grad()
@pytest.mark.parametrize("target", ["to_out.0", "ff.net.2", "proj_out"])
def test_layers_with_a_lora_do_not(unet: KolorsUNet, target: str) -> None:
    inject_lora(unet, 2, 2.0, [target], seed=0)
    assert not adds_in_products(transformer_of(unet))


@torch.no_grad()
def test_nor_do_streamed_ones_or_those_in_8_bits(unet: KolorsUNet) -> None:
    with fp8_layers(unet.bfloat16(), 1):
        assert not adds_in_products(transformer_of(unet))
    stream_linear_layers(unet, CPU, torch.float32)
    assert not adds_in_products(transformer_of(unet))


@torch.no_grad()
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_lose_no_more_than_with_biases_added_at_once(
    mini_folder: Path, device: str, dtype: torch.dtype
) -> None:
    wide = vary_vectors(load_unet(mini_folder, CPU, torch.float64))
    fuse_blocks(wide)
    transformer = transformer_of(wide)
    width = transformer.proj_in.out_features
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randn(2, 192, width, generator=generator).double()
    text = torch.randn(2, 20, transformer.transformer_blocks[0].attn2.to_k.in_features, generator=generator)
    text = text.double()
    expected = transform(transformer, tokens.clone(), text)
    short = transformer.to(device, dtype)
    tokens, text = tokens.to(device, dtype), text.to(device, dtype)
    change = None
    at_once = tokens.clone()
    for block in short.transformer_blocks:
        at_once, change = block(at_once, change, text)
    at_once = short.proj_out(at_once + change)
    ours = transform(short, tokens.clone(), text)
    assert relative_error(ours.cpu(), expected) < 1.2 * relative_error(at_once.cpu(), expected)
    assert torch.equal(transform(short, tokens.clone(), text), ours)
