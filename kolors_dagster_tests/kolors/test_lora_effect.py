"""A LoRA that does nothing, or is broken, is never written."""

from pathlib import Path

import pytest
import torch

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_unet
from kolors_dagster.kolors.lora import inject_lora
from kolors_dagster.kolors.lora_effect import UselessLora, measure_lora_effect, refuse_useless_lora
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_record import LoraEffect
from kolors_dagster.specs import TrainingRecipe
from kolors_dagster_tests.kolors.training_parts import CPU, RECIPE, read_folder


def measure(base_model: BaseModel, cache: Path, change: float) -> LoraEffect:
    unet = load_unet(base_model.folder, CPU, torch.float32)
    trained = inject_lora(unet, 2, 4.0, ["to_q", "to_v"], seed=0)
    for weight in trained[1::2]:  # the second matrix of each layer, zero to begin with
        weight.data.fill_(change)
    return measure_lora_effect(unet, trained, CachedSamples(cache)[0], 64, CPU)


def test_the_effect_grows_with_the_lora_and_is_nothing_at_first(base_model: BaseModel, cache: Path) -> None:
    none, small, large = (measure(base_model, cache, change) for change in (0.0, 1e-3, 1e-2))
    assert none.relative_change == 0.0 < small.relative_change < large.relative_change < 1
    refuse_useless_lora(small, 1e-4)
    with pytest.raises(UselessLora, match=r"changes nothing.*\n.*raise training.learning_rate"):
        refuse_useless_lora(none, 1e-4)


def test_a_lora_that_is_not_finite_is_refused_with_its_numbers(base_model: BaseModel, cache: Path) -> None:
    effect = measure(base_model, cache, float("nan"))
    assert 0 < effect.not_finite < effect.values
    with pytest.raises(UselessLora, match=r"not finite.*\n.*lower training.learning_rate") as caught:
        refuse_useless_lora(effect, 1e-4)
    assert caught.value.effect is effect


def test_training_to_no_effect_leaves_the_previous_lora(
    base_model: BaseModel, cache: Path, tmp_path: Path
) -> None:
    def train(learning_rate: float) -> LoraEffect:
        recipe = TrainingRecipe(**(RECIPE.model_dump() | {"steps": 2, "learning_rate": learning_rate}))
        metadata = {"style": "tiny", "trigger_words": "二次元"}
        return train_lora(
            cache, base_model, recipe, tmp_path / "lora", tmp_path / "steps", metadata, CPU
        ).effect

    effect = train(1e-3)
    assert effect.relative_change > 0 and effect.not_finite == 0
    before = read_folder(tmp_path / "lora")
    with pytest.raises(UselessLora, match="changes nothing"):
        train(1e-30)
    assert read_folder(tmp_path / "lora") == before
