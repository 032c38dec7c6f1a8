from pathlib import Path
from typing import Any

import numpy as np
import torch

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
