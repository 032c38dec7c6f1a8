"""Pixels to latents and back, by SDXL's autoencoder."""

import numpy as np
import torch
from torch import Tensor

from kolors_dagster.kolors.diffsynth import StableDiffusionVAE


class VAE:
    """SDXL's autoencoder: 8 × 8 pixels to four latent values, scaled as the UNet expects them.

    Source: diffusers' AutoencoderKL, in DiffSynth's version; `model` is loaded by `kolors.loading.load_vae`.
    """

    def __init__(self, model: StableDiffusionVAE) -> None:
        self.model = model
        self.scaling_factor: float = model.scaling_factor

    @torch.no_grad()
    def encode_mean_std(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the scaled latents, each (n, 4, h / 8, w / 8), in fp32.

        pixels: (n, 3, h, w) in [-1, 1]. A latent sample is `mean + std * noise`.
        """
        posterior = self.model.encode(self._like_weights(pixels))
        return posterior.mean.float() * self.scaling_factor, posterior.std.float() * self.scaling_factor

    @torch.no_grad()
    def decode(self, latents: Tensor) -> np.ndarray:
        """Return the pictures of scaled latents (n, 4, h, w) as bytes (n, 8 h, 8 w, 3).

        Raises FloatingPointError if a value is not finite: as a byte, nobody could tell it from black.
        """
        pixels = self.model.decode(self._like_weights(latents.float() / self.scaling_factor))
        if not pixels.isfinite().all():
            raise FloatingPointError("the picture has values that are not finite (NaN or infinite)")
        pixels = (pixels.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        return (pixels.cpu().numpy() * 255).round().astype(np.uint8)

    def _like_weights(self, tensor: Tensor) -> Tensor:
        weight = self.model.decoder.conv_in.weight
        return tensor.to(weight.device, weight.dtype)
