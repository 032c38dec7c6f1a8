from pathlib import Path

import torch

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_noise_schedule, load_text_encoder, load_unet
from kolors_dagster.kolors.lora import load_lora
from kolors_dagster.kolors.prior_preservation import (
    PRESERVED_WEIGHT,
    UNPROMPTED,
    bring_to_much_noise,
    find_preserved_rows,
)
from kolors_dagster.kolors.text_padding import unfold_padding
from kolors_dagster.kolors.training_steps import StepBatch, TrainingSteps
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.specs import TrainingRecipe
from kolors_dagster_tests.kolors.training_parts import CPU, RECIPE, train


def make_steps(
    cache: Path, base_model: BaseModel, kept: float, batch_size: int = 2, rows: slice = slice(None)
) -> TrainingSteps:
    changes = {"batch_size": batch_size, "prior_preservation": kept, "steps": 8}
    recipe = base_model.fill_recipe(TrainingRecipe(**(RECIPE.model_dump() | changes)))
    schedule = load_noise_schedule(base_model.folder)
    return TrainingSteps(CachedSamples(cache), schedule, recipe, rows=rows)


def predict(unet: KolorsUNet, batch: StepBatch) -> torch.Tensor:
    predicted: torch.Tensor = unet(
        batch.noisy_latents, batch.timesteps, batch.hidden_states, batch.pooled, batch.time_ids
    )
    return predicted


def test_every_fourth_row_is_preserved_whatever_the_batch_size_and_both_texts_take_turns() -> None:
    for batch_size in (1, 2, 3, 8):
        rows = [
            step * batch_size + kept.row
            for step in range(24)
            for kept in find_preserved_rows(step, batch_size)
        ]
        assert rows == list(range(3, 24 * batch_size, 4))
    texts = [kept.text for step in range(16) for kept in find_preserved_rows(step, 1)]
    assert texts == [*UNPROMPTED, *UNPROMPTED]


def test_preserved_timesteps_are_of_much_noise_and_spread_over_it() -> None:
    brought = bring_to_much_noise(torch.arange(1100), 1100)
    assert brought.min() == 704
    assert brought.max() == 1000
    assert len(brought.unique()) == 297


def test_a_preserved_row_learns_the_bare_prediction_without_a_caption(
    cache: Path, base_model: BaseModel
) -> None:
    unet = load_unet(base_model.folder, CPU, torch.float32)
    encoder = load_text_encoder(base_model.folder, CPU, torch.float32)
    plain, steps = (make_steps(cache, base_model, kept) for kept in (0.0, 1.0))
    steps.keep_predictions(lambda batch: predict(unet, batch))
    for step, text in ((1, UNPROMPTED[0]), (3, UNPROMPTED[1])):
        batch, other = steps.make_batch(step), plain.make_batch(step)
        kept = batch.rows(slice(1, 2))
        expected = encoder.encode([text])
        assert torch.equal(unfold_padding(kept.hidden_states), expected.hidden_states)
        assert torch.equal(kept.pooled, expected.pooled)
        with torch.no_grad():
            assert torch.equal(kept.noise, predict(unet, kept))
        assert kept.timesteps >= 704
        assert kept.weights == PRESERVED_WEIGHT
        assert all(torch.equal(a[:1], b[:1]) for a, b in zip(batch, other, strict=True)), "the other row"
    assert all(torch.equal(a, b) for a, b in zip(steps.make_batch(0), plain.make_batch(0), strict=True))


def test_a_part_of_the_prediction_leaves_the_rest_to_the_picture(cache: Path, base_model: BaseModel) -> None:
    unet = load_unet(base_model.folder, CPU, torch.float32)
    targets = {}
    for kept in (1.0, 0.75):
        steps = make_steps(cache, base_model, kept)
        noise = steps.make_batch(1).noise[1]
        steps.keep_predictions(lambda batch: predict(unet, batch))
        targets[kept] = steps.make_batch(1).noise[1]
    torch.testing.assert_close(targets[0.75], 0.75 * targets[1.0] + 0.25 * noise)
    assert not torch.allclose(targets[0.75], targets[1.0])


def test_of_a_shared_batch_a_process_predicts_its_own_rows_alone(cache: Path, base_model: BaseModel) -> None:
    unet = load_unet(base_model.folder, CPU, torch.float32)
    predicted = 0

    def count(batch: StepBatch) -> torch.Tensor:
        nonlocal predicted
        predicted += 1
        return predict(unet, batch)

    whole, first, second = (
        make_steps(cache, base_model, 1.0, rows=rows) for rows in (slice(0, 2), slice(0, 1), slice(1, 2))
    )
    for steps, expected in ((whole, 4), (first, 0), (second, 4)):
        predicted = 0
        steps.keep_predictions(count)
        assert predicted == expected
    for one, other in zip(whole, second, strict=True):
        assert torch.equal(one.noise[1:], other.noise)


def test_the_lora_then_changes_the_prediction_without_a_prompt_less(
    cache: Path, base_model: BaseModel, tmp_path: Path
) -> None:
    steps = make_steps(cache, base_model, 1.0)
    unet = load_unet(base_model.folder, CPU, torch.float32)
    steps.keep_predictions(lambda batch: predict(unet, batch))
    rows = [steps.make_batch(step).rows(slice(1, 2)) for step in (1, 3, 5, 7)]
    changes = {}
    for kept in (0.0, 1.0):
        folder = tmp_path / str(kept)
        train(cache, base_model, folder, steps=40, batch_size=2, prior_preservation=kept)
        load_lora(unet, folder / "lora" / "lora.safetensors")
        with torch.no_grad():
            changes[kept] = sum((predict(unet, row) - row.noise).square().mean().item() for row in rows)
    assert changes[1.0] < changes[0.0] / 2
