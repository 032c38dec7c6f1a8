import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.optimization import get_scheduler
from diffusers.training_utils import compute_snr

from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.training_objective import Decay, draw_noise, learning_rate_at, weigh_by_snr

SCHEDULE = NoiseSchedule(0.00085, 0.014, 1100, 1)


def test_min_snr_weights_are_those_of_diffusers_formula() -> None:
    theirs = DDPMScheduler(
        num_train_timesteps=1100, beta_start=0.00085, beta_end=0.014, beta_schedule="scaled_linear"
    )
    timesteps = torch.tensor([1, 50, 300, 700, 1099])
    snr = compute_snr(theirs, timesteps)
    expected = torch.minimum(snr, torch.tensor(5.0)) / snr
    weights = weigh_by_snr(SCHEDULE, timesteps, 5.0)
    assert torch.allclose(weights, expected, rtol=1e-4)
    assert weights[0] < 0.1 and weights[-1] == 1
    assert torch.equal(weigh_by_snr(SCHEDULE, timesteps, 0.0), torch.ones(5))


def test_offset_noise_shifts_whole_channels() -> None:
    like = torch.empty(200, 4, 16, 16)
    plain = draw_noise(like, 0.0, torch.Generator().manual_seed(1))
    assert torch.equal(plain, torch.randn(like.shape, generator=torch.Generator().manual_seed(1)))
    offset = draw_noise(like, 0.5, torch.Generator().manual_seed(1))
    shift = offset - plain
    assert torch.allclose(shift, shift.mean(dim=(2, 3), keepdim=True).expand_as(shift), atol=1e-5)
    assert shift[:, :, 0, 0].std() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize(
    ("decay", "name"), [("constant", "constant_with_warmup"), ("linear", "linear"), ("cosine", "cosine")]
)
def test_learning_rate_follows_the_usual_curves(decay: Decay, name: str) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = get_scheduler(name, optimizer, num_warmup_steps=0, num_training_steps=40)
    for step in range(40):
        assert learning_rate_at(step, 40, 0, decay) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()


def test_warm_up_rises_to_the_full_rate_and_is_never_nothing() -> None:
    rates = [learning_rate_at(step, 10, 4, "linear") for step in range(10)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5:] == sorted(rates[5:], reverse=True) and 0 < rates[-1] < 0.2
