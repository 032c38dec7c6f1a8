"""How much noise each timestep means: shared by training, which adds it, and drawing, which takes it away."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.layout import read_json

# What Kolors' scheduler_config.json says; a model that says otherwise would be drawn wrong, not just worse.
_EXPECTED = {
    "beta_schedule": "scaled_linear",
    "interpolation_type": "linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "trained_betas": None,
    "use_karras_sigmas": False,
}


@dataclass(frozen=True)
class EulerSteps:
    """The path from noise to picture: n `timesteps`, and n + 1 `sigmas`, of which the last is 0."""

    timesteps: list[int]
    sigmas: list[float]

    @property
    def initial_sigma(self) -> float:
        """What unit noise is multiplied by to begin."""
        return float((self.sigmas[0] ** 2 + 1) ** 0.5)


class NoiseSchedule:
    """Kolors' schedule: 1100 timesteps, the square root of beta linear in time.

    Source: Kolors' technical report; the same numbers as diffusers' DDPMScheduler and EulerDiscreteScheduler
    with the model's own config. `alphas_cumprod` is fp32 on the CPU, one for each timestep.
    """

    def __init__(self, beta_start: float, beta_end: float, timesteps: int, steps_offset: int) -> None:
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, timesteps, device="cpu") ** 2
        self.alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
        self.timesteps = timesteps
        self._steps_offset = steps_offset

    @classmethod
    def read(cls, file: Path) -> "NoiseSchedule":
        """Read `scheduler_config.json`; raises UserError for a kind of schedule that is not Kolors'."""
        config = read_json(file)
        odd = {key: config[key] for key, value in _EXPECTED.items() if config.get(key, value) != value}
        if odd:
            raise UserError(
                f"{file}: not Kolors' noise schedule: {odd}", "use the scheduler of a Kolors model"
            )
        try:
            return cls(
                config["beta_start"],
                config["beta_end"],
                config["num_train_timesteps"],
                config["steps_offset"],
            )
        except KeyError as error:
            raise UserError(f"{file}: {error} is missing", "use the scheduler of a Kolors model") from None

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return `latents` (n, …) with as much `noise` as belongs to each one's timestep (n,)."""
        kept = self.alphas_cumprod[timesteps].reshape(-1, *[1] * (latents.ndim - 1))
        return kept**0.5 * latents + (1 - kept) ** 0.5 * noise

    def euler_steps(self, count: int) -> EulerSteps:
        """Return the path in `count` steps, spaced evenly from the first timestep up ("leading")."""
        stride = self.timesteps // count
        timesteps = [step * stride + self._steps_offset for step in reversed(range(count))]
        alphas = self.alphas_cumprod.double().numpy()
        sigmas = np.interp(timesteps, np.arange(self.timesteps), ((1 - alphas) / alphas) ** 0.5)
        return EulerSteps(timesteps, [*sigmas.astype(np.float32).tolist(), 0.0])
