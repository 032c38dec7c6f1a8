from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kolors_dagster.kolors import sampling
from kolors_dagster.kolors.cuda_graph import GraphedCall
from kolors_dagster.kolors.loading import load_noise_schedule, load_unet
from kolors_dagster.kolors.lora import load_lora
from kolors_dagster.kolors.sampling import make_noise, sample_latents
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.text import TextEncoder
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.kolors.vae import VAE
from kolors_dagster_tests.kolors.conftest import CPU, relative_error

PROMPTS = ["二次元，一个紫色长发女孩", "海边，一只猫"]
NEGATIVES = ["text, 水印", ""]
SEEDS = [11, 2**63 - 1]
STEPS = 8
EARLY_STEPS = 2  # the first fifth of them, counted up


def sample(
    unet: KolorsUNet,
    encoder: TextEncoder,
    folder: Path,
    *,
    width: int,
    height: int,
    guidance_scale: float,
    early_guidance_scale: float | None = None,
) -> torch.Tensor:
    return sample_latents(
        unet,
        load_noise_schedule(folder),
        encoder.encode(PROMPTS),
        encoder.encode(NEGATIVES),
        SEEDS,
        width=width,
        height=height,
        steps=STEPS,
        guidance_scale=guidance_scale,
        early_guidance_scale=early_guidance_scale,
    )


def sample_by_oracle(
    oracle: Any,
    *,
    width: int,
    height: int,
    guidance_scale: float,
    early_guidance_scale: float | None = None,
) -> torch.Tensor:
    def guide(pipeline: Any, step: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step + 1 >= EARLY_STEPS:
            pipeline._guidance_scale = guidance_scale
        return tensors

    return oracle(
        PROMPTS,
        negative_prompt=NEGATIVES,
        latents=make_noise(SEEDS, width, height),
        width=width,
        height=height,
        num_inference_steps=STEPS,
        guidance_scale=early_guidance_scale or guidance_scale,
        callback_on_step_end=guide,
        output_type="latent",
    ).images


@pytest.mark.parametrize(
    ("width", "height", "guidance_scale"), [(128, 128, 4.0), (96, 136, 4.0), (64, 64, 1.0)]
)
def test_latents_are_those_of_diffusers(
    unet: KolorsUNet,
    text_encoder: TextEncoder,
    oracle: Any,
    mini_folder: Path,
    width: int,
    height: int,
    guidance_scale: float,
) -> None:
    shape = {"width": width, "height": height, "guidance_scale": guidance_scale}
    ours = sample(unet, text_encoder, mini_folder, **shape)
    assert ours.shape == (2, 4, height // 8, width // 8)
    assert relative_error(ours, sample_by_oracle(oracle, **shape)) <= 1e-4


@pytest.mark.parametrize("early", [1.0, 2.0, 6.0])
def test_the_first_steps_may_be_guided_otherwise(
    unet: KolorsUNet, text_encoder: TextEncoder, oracle: Any, mini_folder: Path, early: float
) -> None:
    shape = {"width": 64, "height": 96, "guidance_scale": 4.0}
    ours = sample(unet, text_encoder, mini_folder, **shape, early_guidance_scale=early)
    assert relative_error(ours, sample(unet, text_encoder, mini_folder, **shape)) > 0.01
    if early > 1:  # at 1 the pipeline leaves the negative prompts out of its batch for good
        theirs = sample_by_oracle(oracle, **shape, early_guidance_scale=early)
        assert relative_error(ours, theirs) <= 1e-4


def test_latents_with_a_lora_are_those_of_diffusers(
    unet: KolorsUNet, text_encoder: TextEncoder, oracle: Any, mini_folder: Path, lora_file: Path
) -> None:
    shape = {"width": 128, "height": 128, "guidance_scale": 4.0}
    bare = sample(unet, text_encoder, mini_folder, **shape)
    load_lora(unet, lora_file, 0.8)
    ours = sample(unet, text_encoder, mini_folder, **shape)
    oracle.load_lora_weights(lora_file, adapter_name="style")
    oracle.set_adapters("style", 0.8)
    try:
        theirs = sample_by_oracle(oracle, **shape)
    finally:
        oracle.unload_lora_weights()
    assert relative_error(ours, theirs) <= 1e-4
    assert relative_error(ours, bare) > 0.01


def test_a_panel_alone_is_the_panel_in_a_batch_of_eight(
    unet: KolorsUNet, text_encoder: TextEncoder, mini_folder: Path, vae: VAE
) -> None:
    prompts, negatives = (
        text_encoder.encode([f"第{n}幅" for n in range(8)]),
        text_encoder.encode(["text"] * 8),
    )
    seeds, recipe = list(range(8)), {"width": 64, "height": 96, "steps": 20, "guidance_scale": 4.0}
    schedule = load_noise_schedule(mini_folder)
    together = sample_latents(unet, schedule, prompts, negatives, seeds, **recipe)
    for row in (0, 5):
        rows = slice(row, row + 1)
        alone = sample_latents(unet, schedule, prompts[rows], negatives[rows], seeds[rows], **recipe)
        assert relative_error(alone, together[rows]) <= 1e-4
        difference = vae.decode(alone).astype(int) - vae.decode(together[rows])
        assert np.abs(difference).max() <= 2


def test_the_same_inputs_give_the_same_bytes(
    unet: KolorsUNet, text_encoder: TextEncoder, mini_folder: Path
) -> None:
    shape = {"width": 64, "height": 64, "guidance_scale": 4.0}
    first = sample(unet, text_encoder, mini_folder, **shape)
    torch.manual_seed(5)
    assert torch.equal(first, sample(unet, text_encoder, mini_folder, **shape))


def test_a_streamed_unet_draws_the_same_and_no_graph_is_tried(
    unet: KolorsUNet, text_encoder: TextEncoder, mini_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def look_on(function: Any, *, refused: bool, warm: bool) -> GraphedCall:
        seen.append((refused, warm))
        return GraphedCall(function, refused=refused, warm=warm)

    monkeypatch.setattr(sampling, "GraphedCall", look_on)
    shape = {"width": 64, "height": 96, "guidance_scale": 4.0}
    whole = sample(unet, text_encoder, mini_folder, **shape)
    stream_linear_layers(unet, CPU, torch.float32)
    assert torch.equal(sample(unet, text_encoder, mini_folder, **shape), whole)
    assert seen == [(False, False), (True, True)]  # the shape is known by then


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_draws_the_same_by_replays_and_streamed(
    unet: KolorsUNet, text_encoder: TextEncoder, mini_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    shape = {"width": 64, "height": 96, "guidance_scale": 4.0}
    expected = sample(unet, text_encoder, mini_folder, **shape)
    for stream in (None, 2**60):
        on_gpu = load_unet(mini_folder, torch.device("cuda"), torch.float32, stream=stream)
        for _ in range(2):
            drawn = sample(on_gpu, text_encoder, mini_folder, **shape)
            assert relative_error(drawn.cpu(), expected) < 1e-3


def test_noise_comes_from_each_seed_alone() -> None:
    noise = make_noise([3, 4], 96, 64)
    assert noise.shape == (2, 4, 8, 12)
    assert torch.equal(noise[1:], make_noise([4], 96, 64))
    assert abs(float(noise.mean())) < 0.2 and abs(float(noise.std()) - 1) < 0.2
    assert not torch.equal(noise[0], noise[1])


def test_guidance_of_one_runs_the_unet_once_a_picture(
    unet: KolorsUNet, text_encoder: TextEncoder, mini_folder: Path
) -> None:
    rows, steps = [], []
    unet.register_forward_pre_hook(lambda module, arguments: rows.append(len(arguments[0])))
    for guidance_scale in (1.0, 4.0):
        sample_latents(
            unet,
            load_noise_schedule(mini_folder),
            text_encoder.encode(PROMPTS),
            text_encoder.encode(NEGATIVES),
            SEEDS,
            width=64,
            height=64,
            steps=2,
            guidance_scale=guidance_scale,
            on_step=steps.append,
        )
    assert rows == [2, 2, 4, 4]
    assert steps == [1, 2, 1, 2]
