"""Pixels to latents and back, by SDXL's autoencoder."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kolors_dagster.kolors.device_memory import release_memory
from kolors_dagster.kolors.diffsynth import StableDiffusionVAE

_log = logging.getLogger(__name__)


class VAE:
    """SDXL's autoencoder: 8 × 8 pixels to four latent values, scaled as the UNet expects them.

    A GPU that has not the memory for a picture leaves it, and those after it, to the CPU in fp32: the same
    numbers but for rounding, slower. (In tiles it would stay on the GPU, but the autoencoder normalizes over
    the whole picture: kolors-mini's, in overlapping tiles half as wide, is 7 to 9 levels of 255 off.)
    Source: diffusers' AutoencoderKL, in DiffSynth's version; `model` is loaded by `kolors.loading.load_vae`.
    """

    def __init__(self, model: StableDiffusionVAE) -> None:
        self.model = model
        self.scaling_factor: float = model.scaling_factor
        self._gave_up_gpu = False

    @torch.no_grad()
    def encode_mean_std(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the scaled latents, each (n, 4, h / 8, w / 8), in fp32.

        pixels: (n, 3, h, w) in [-1, 1]. A latent sample is `mean + std * noise`.
        """
        posterior = self._compute(self.model.encode, pixels)
        mean, std = (
            part.float().contiguous() * self.scaling_factor for part in (posterior.mean, posterior.std)
        )
        return mean, std

    @torch.no_grad()
    def decode(self, latents: Tensor) -> np.ndarray:
        """Return the pictures of scaled latents (n, 4, h, w) as bytes (n, 8 h, 8 w, 3).

        Raises FloatingPointError if a value is not finite: as a byte, nobody could tell it from black.
        """
        pixels = self._compute(self.model.decode, latents.float() / self.scaling_factor)
        if not pixels.isfinite().all():
            raise FloatingPointError("the picture has values that are not finite (NaN or infinite)")
        pixels = (pixels.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        return (pixels * 255).round().to(torch.uint8).cpu().numpy()

    def _compute(self, half: Callable[[Tensor], Any], inputs: Tensor) -> Any:
        """Return what one half of the model makes of `inputs`, on the GPU or else on the CPU."""
        weight = self.model.decoder.conv_in.weight
        try:
            return half(inputs.to(weight.device, weight.dtype))
        except torch.OutOfMemoryError:
            if self._gave_up_gpu or len(inputs) > 1:  # several: whoever sent them can send fewer
                raise
        _log.warning("out of memory in the VAE; it goes on on the CPU, which takes longer")
        self._gave_up_gpu = True
        self.model.to("cpu", torch.float32)
        release_memory(weight.device)
        return half(inputs.to("cpu", torch.float32))
