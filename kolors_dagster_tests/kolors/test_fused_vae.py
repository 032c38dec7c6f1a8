"""Against DiffSynth's own autoencoder of the same files, on the CPU."""

from pathlib import Path

import pytest
import torch

from kolors_dagster.kolors import fused_vae
from kolors_dagster.kolors.diffsynth import VAEAttentionBlock, VAEResnetBlock2D, VAEUpsample2D
from kolors_dagster.kolors.loading import load_vae
from kolors_dagster.kolors.vae import VAE
from kolors_dagster_tests.kolors.conftest import CPU, relative_error
from kolors_dagster_tests.kolors.test_fused_blocks import ROUNDING, vary_vectors

THEIRS = (VAEAttentionBlock, VAEResnetBlock2D, VAEUpsample2D)


@torch.no_grad()
def test_the_autoencoder_encodes_and_decodes_as_diffsynths(
    mini_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused_vae, "_QUERIES", 40)  # of 96: the last part is a smaller one
    own, fused = (load_vae(mini_folder, CPU, torch.float64).model.double() for _ in range(2))
    for model in (own, fused):
        vary_vectors(model)
    fused_vae.fuse_vae_blocks(fused)
    assert {type(module) for module in own.modules()} >= set(THEIRS)
    assert not {type(module) for module in fused.modules()} & set(THEIRS)
    pixels = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)).double()
    ours, expected = fused.encode(pixels), own.encode(pixels)
    assert relative_error(ours.mean, expected.mean) < ROUNDING
    assert relative_error(fused.decode(ours.mean), own.decode(ours.mean)) < ROUNDING
    # As files take them, however pictures are laid out on the way.
    assert all(part.is_contiguous() for part in VAE(fused).encode_mean_std(pixels))
    assert not torch.backends.cuda.matmul.allow_tf32
