"""Against diffusers' schedulers, which read the same file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, EulerDiscreteScheduler

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.mini import config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps(config.SCHEDULER), encoding="utf-8")
    return path


def theirs(kind: Any) -> Any:
    return kind.from_config(
        {key: value for key, value in config.SCHEDULER.items() if not key.startswith("_")}
    )


@pytest.mark.parametrize("count", [1, 2, 7, 20, 25, 50, 333, 1000])
def test_the_path_is_that_of_diffusers(file: Path, count: int) -> None:
    ours, scheduler = NoiseSchedule.read(file).euler_steps(count), theirs(EulerDiscreteScheduler)
    scheduler.set_timesteps(count)
    assert ours.timesteps == scheduler.timesteps.tolist()
    assert np.allclose(ours.sigmas, scheduler.sigmas.numpy(), rtol=1e-5)
    assert ours.initial_sigma == pytest.approx(float(scheduler.init_noise_sigma), rel=1e-5)


def test_noise_is_added_as_diffusers_adds_it(file: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    latents, noise = (torch.randn(3, 4, 8, 8, generator=generator) for _ in range(2))
    timesteps = torch.tensor([0, 500, 1099])
    expected = theirs(DDPMScheduler).add_noise(latents, noise, timesteps)
    assert torch.equal(NoiseSchedule.read(file).add_noise(latents, noise, timesteps), expected)


def test_the_schedule_is_kolors_own(file: Path) -> None:
    schedule = NoiseSchedule.read(file)
    betas = torch.linspace(0.00085**0.5, 0.014**0.5, 1100) ** 2
    assert torch.allclose(schedule.alphas_cumprod, torch.cumprod(1 - betas, dim=0))
    assert schedule.euler_steps(50).timesteps == [49 * 22 + 1 - 22 * n for n in range(50)]


@pytest.mark.parametrize(
    ("change", "named"),
    [({"prediction_type": "v_prediction"}, "v_prediction"), ({"beta_end": None}, "beta_end")],
)
def test_another_schedule_is_refused(file: Path, change: dict[str, Any], named: str) -> None:
    changed = {key: value for key, value in (config.SCHEDULER | change).items() if value is not None}
    file.write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(UserError, match=named):
        NoiseSchedule.read(file)
