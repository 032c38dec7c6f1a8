"""Whether a LoRA does anything: measured on the UNet it was trained on, while that is in memory anyway."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.cached_samples import CachedSample
from kolors_dagster.kolors.lora import set_lora_weight
from kolors_dagster.kolors.sampling import make_noise
from kolors_dagster.kolors.training_record import LoraEffect
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids

_SIDE = 256  # pixels: large enough for every block of the UNet, and cheap at full size too
_TIMESTEP = 500.0  # halfway between noise and picture


class UselessLora(UserError):
    """A LoRA that must not be used; `effect` is what was measured."""

    def __init__(self, effect: LoraEffect, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.effect = effect

    def __reduce__(self) -> tuple[type["UselessLora"], tuple[LoraEffect, str, str]]:  # type: ignore[override]
        return type(self), (self.effect, self.problem, self.fix)


@torch.no_grad()
def measure_lora_effect(
    unet: KolorsUNet,
    trained: Iterable[nn.Parameter],
    sample: CachedSample,
    resolution: int,
    device: torch.device,
) -> LoraEffect:
    """Compare what the UNet predicts with its LoRA and without, for one caption and fixed noise.

    One forward pass each at 256 pixels or the training's resolution, whichever is smaller.
    """
    weights = list(trained)
    reference = unet.conv_in.weight
    side = min(_SIDE, resolution)

    def like_unet(tensor: Tensor) -> Tensor:
        return tensor[None].to(reference.device, reference.dtype)

    def predict(lora_weight: float) -> Tensor:
        set_lora_weight(unet, lora_weight)
        return unet(
            make_noise([0], side, side).to(reference.device, reference.dtype),
            torch.tensor([_TIMESTEP], device=reference.device),
            like_unet(sample.hidden_states),
            like_unet(sample.pooled),
            make_time_ids(side, side, 1, reference.device, reference.dtype),
        ).float()

    without = predict(0.0)
    with_lora = predict(1.0)
    return LoraEffect(
        values=sum(weight.numel() for weight in weights),
        not_finite=sum(int((~weight.isfinite()).sum()) for weight in weights),
        largest=max(float(weight.abs().max()) for weight in weights),
        relative_change=float((with_lora - without).norm() / without.norm()),
    )


def refuse_useless_lora(effect: LoraEffect, learning_rate: float) -> None:
    """Raise UselessLora for a LoRA that is not finite, or that leaves the UNet's prediction as it was."""
    # A NaN fails this comparison too.
    if effect.not_finite or not effect.relative_change < float("inf"):
        raise UselessLora(
            effect,
            f"the LoRA is not finite ({effect.not_finite} of {effect.values} values; the UNet's prediction "
            f"changes by {effect.relative_change:g})",
            f"lower training.learning_rate (it is {learning_rate:g}), or write training.precision: fp32",
        )
    if effect.relative_change == 0.0:
        raise UselessLora(
            effect,
            "the LoRA changes nothing in what the UNet predicts",
            f"raise training.learning_rate (it is {learning_rate:g}) or training.steps",
        )
