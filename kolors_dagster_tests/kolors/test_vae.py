from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kolors_dagster.kolors.loading import load_vae
from kolors_dagster.kolors.vae import VAE
from kolors_dagster_tests.kolors.conftest import relative_error


def make_pixels() -> torch.Tensor:
    ramp = torch.linspace(-1, 1, 96)
    red, green = ramp.expand(64, 96), ramp[:64, None].expand(64, 96)
    return torch.stack([torch.stack([red, green, red * green]), torch.stack([green, -red, red])])


def test_encodes_as_diffusers_does(vae: VAE, oracle: Any) -> None:
    pixels = make_pixels()
    mean, std = vae.encode_mean_std(pixels)
    with torch.no_grad():
        posterior = oracle.vae.encode(pixels).latent_dist
    assert mean.shape == std.shape == (2, 4, 8, 12)
    assert relative_error(mean, posterior.mean * 0.13025) <= 1e-5
    assert relative_error(std, posterior.std * 0.13025) <= 1e-5


def test_decodes_as_diffusers_does(vae: VAE, oracle: Any) -> None:
    latents, _ = vae.encode_mean_std(make_pixels())
    with torch.no_grad():
        theirs = oracle.vae.decode(latents / oracle.vae.config.scaling_factor).sample
    pictures = np.stack([np.asarray(image) for image in oracle.image_processor.postprocess(theirs)])
    ours = vae.decode(latents)
    assert ours.shape == (2, 64, 96, 3) and ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - pictures).max() <= 1
    assert ours.std() > 10


def test_takes_what_is_in_another_dtype(vae: VAE, mini_folder: Path) -> None:
    mean, std = vae.encode_mean_std(make_pixels().half())
    assert mean.dtype == std.dtype == torch.float32
    assert np.array_equal(vae.decode(mean.double()), vae.decode(mean))


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_out_of_memory_with_one_picture_goes_on_on_the_cpu(
    mini_folder: Path, vae: VAE, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With several, whoever sent them is told, who can send fewer: see `kolors.cache_shards`."""
    pixels = make_pixels()
    mean, std = vae.encode_mean_std(pixels[:1])
    picture = vae.decode(mean)
    small = load_vae(mini_folder, torch.device("cpu"), torch.float32)
    small.model.half()  # stands for the GPU: what is left to the CPU is computed in fp32
    half = getattr(small.model, part)
    forward = half.forward
    tries: list[torch.dtype] = []

    def with_little_memory(inputs: torch.Tensor) -> torch.Tensor:
        tries.append(inputs.dtype)
        if inputs.dtype == torch.float16:
            raise torch.OutOfMemoryError
        return forward(inputs)

    monkeypatch.setattr(half, "forward", with_little_memory)
    for _ in range(2):  # in the GPU's arithmetic each time: it has not given up
        with pytest.raises(torch.OutOfMemoryError):
            small.encode_mean_std(pixels) if part == "encoder" else small.decode(mean.expand(2, -1, -1, -1))
    assert tries == [torch.float16] * 2 and not caplog.text
    for _ in range(2):
        if part == "encoder":
            again = small.encode_mean_std(pixels[:1])
            assert relative_error(again[0], mean) < 1e-6 and relative_error(again[1], std) < 1e-6
        else:
            assert np.array_equal(small.decode(mean), picture)
    assert tries[2:] == [torch.float16, torch.float32, torch.float32]
    assert caplog.text.count("out of memory in the VAE") == 1


def test_out_of_memory_on_the_cpu_too_is_no_endless_loop(
    mini_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = load_vae(mini_folder, torch.device("cpu"), torch.float32, on_cpu=True)

    def without_memory(inputs: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(small.model, "decode", without_memory)
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            small.decode(torch.zeros(1, 4, 8, 8))
