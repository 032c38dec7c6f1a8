from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kolors_dagster.mini import config
from kolors_dagster.mini.training import shards
from kolors_dagster.mini.training.__main__ import run_autoencoder
from kolors_dagster.mini.training.augment import make_strange
from kolors_dagster.mini.training.autoencoder import make_autoencoder, reconstruction_loss, weigh_heads
from kolors_dagster.mini.training.decoder import DecoderTrainer, encode

SIDE = 32


def test_strange_pictures_stay_pictures_and_most_stay_plain() -> None:
    pixels = torch.rand((64, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0)) * 2 - 1
    strange = make_strange(pixels, torch.Generator().manual_seed(1))
    assert strange.shape == pixels.shape
    assert strange.isfinite().all() and strange.abs().max() <= 1
    plain = (strange == pixels).flatten(1).all(dim=1).float().mean()
    assert 0.6 < plain < 0.98
    grey = (strange - strange.mean(dim=1, keepdim=True)).abs().flatten(1).mean(dim=1)
    assert grey.min() < 0.5 * grey.max()
    assert torch.equal(strange, make_strange(pixels, torch.Generator().manual_seed(1)))


def test_an_error_on_the_head_weighs_more_than_one_beside_it() -> None:
    weights = weigh_heads(torch.tensor([[8.0, 8.0, 10.0]]), SIDE)
    assert weights.shape == (1, 1, SIDE, SIDE)
    assert weights.mean() == pytest.approx(1.0)
    pixels = torch.zeros(1, 3, SIDE, SIDE)
    on, beside = pixels.clone(), pixels.clone()
    on[..., 6:10, 6:10] = 1
    beside[..., 22:26, 22:26] = 1
    assert reconstruction_loss(on, pixels, weights) > 2 * reconstruction_loss(beside, pixels, weights)


def test_the_decoder_learns_and_the_encoder_stays() -> None:
    torch.manual_seed(0)
    vae = make_autoencoder().eval()
    pixels = torch.rand(2, 3, SIDE, SIDE) * 2 - 1
    heads = torch.tensor([[16.0, 16.0, 8.0]] * 2)
    latents = encode(vae, pixels)
    trainer = DecoderTrainer(vae, torch.device("cpu"))
    verdict = trainer.critic(pixels)[-1].detach().clone()
    losses = [trainer.step(latents, pixels, heads, progress) for progress in (0.0, 0.2, 0.4, 0.5, 0.6)]
    assert losses[-1][0] < losses[0][0]
    assert all(loss.isfinite().all() for loss in losses)
    assert not torch.equal(verdict, trainer.critic(pixels)[-1])
    sharpened = trainer.averaged()
    assert torch.equal(encode(sharpened, pixels), latents)
    scaled = latents / config.VAE["scaling_factor"]
    assert not torch.equal(sharpened.decode(scaled), vae.decode(scaled))


def test_the_latents_written_fit_the_autoencoder_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SIDE", SIDE)
    (tmp_path / "scenes").mkdir()
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
    numbers = {name: np.full((4, 2), 7, np.uint8) for name in ("tokens", "lengths", "labels")}
    heads = np.full((4, 3), 12, np.float32)
    np.savez(tmp_path / "scenes" / "00000.npz", pictures=pictures, heads=heads, **numbers)
    (tmp_path / "scenes" / "complete").touch()
    minutes = {"autoencoder_minutes": 0.003, "decoder_minutes": 0.003}
    arguments = Namespace(work=tmp_path, count=4, first=4, autoencoder_batch=2, **minutes)
    run_autoencoder(arguments, torch.device("cpu"))
    tensors = torch.load(tmp_path / "latents.pt", weights_only=True)
    assert all(tensors[name].tolist() == [[7, 7]] * 4 for name in numbers)
    vae = make_autoencoder().eval()
    vae.load_state_dict(load_file(tmp_path / "weights" / "vae.safetensors"))
    encoded = encode(vae.float(), shards.to_pixels(torch.from_numpy(pictures)))
    assert torch.allclose(encoded, tensors["latents"].float(), atol=0.05)
    assert (tmp_path / "sharpened").exists()
