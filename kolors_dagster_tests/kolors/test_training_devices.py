"""Two processes on the CPU stand for two GPUs: the same code but for NCCL and the devices' names."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import distributed

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import training
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.lora_training import LoraTraining
from kolors_dagster.kolors.training import _train, train_lora
from kolors_dagster.kolors.training_record import TrainingReport
from kolors_dagster.kolors.training_steps import StepBatch
from kolors_dagster.specs import TrainingRecipe
from kolors_dagster_tests.kolors.conftest import relative_error
from kolors_dagster_tests.kolors.training_parts import CPU, RECIPE, stop_at

FOUR_AT_A_TIME = {"batch_size": 2, "gradient_accumulation": 2, "steps": 8, "ema_decay": 0.5}


def train(cache: Path, base_model: BaseModel, folder: Path, devices: int, **changes: Any) -> TrainingReport:
    recipe = TrainingRecipe(**RECIPE.model_dump() | FOUR_AT_A_TIME | changes)
    checkpoints = folder / "checkpoints"
    return train_lora(cache, base_model, recipe, folder / "lora", checkpoints, {}, CPU, devices=devices)


def test_two_devices_train_the_lora_that_one_does(
    tmp_path: Path, cache: Path, base_model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go on from what one device left, when it was interrupted after its checkpoint at step 4."""
    one, two = tmp_path / "one", tmp_path / "two"
    assert train(cache, base_model, one, devices=1).devices == 1
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_at(5, KeyboardInterrupt(), patch)
        train(cache, base_model, two, devices=1)
    monkeypatch.setattr(training, "_train", train_watched)
    report = train(cache, base_model, two, devices=2)
    assert (report.resumed_from, report.devices, report.steps) == (4, 2, 8)
    assert not (two / "checkpoints").exists()
    assert read_losses(two) == pytest.approx(read_losses(one), rel=1e-5)
    assert relative_error(read_learnt(two), read_learnt(one)) < 1e-3


def train_watched(rank: int, processes: int, *arguments: Any) -> TrainingReport | None:
    """Train, the second process short of memory, and compare the processes' weights after every step."""
    make_step, sum_losses = LoraTraining.training_step, LoraTraining._sum_losses

    def step(lora: LoraTraining, batch: StepBatch, batch_index: int) -> None:
        make_step(lora, batch, batch_index)
        mine = torch.cat([lora.lora.values.detach(), lora.losses])
        theirs = [torch.empty_like(mine) for _ in range(processes)]
        distributed.all_gather(theirs, mine.detach())
        assert len(batch.noise) == 2
        if lora.step == 6:
            assert len(list(arguments[4].glob("*-step-0000006*"))) == 1
        assert torch.equal(theirs[0].nan_to_num(), theirs[1].nan_to_num())

    def sum_in_little_memory(lora: LoraTraining, batch: StepBatch) -> torch.Tensor:
        if rank == 1 and len(batch.noise) > 1:
            raise torch.OutOfMemoryError
        return sum_losses(lora, batch)

    LoraTraining.training_step = step  # type: ignore[method-assign]
    LoraTraining._sum_losses = sum_in_little_memory  # type: ignore[method-assign]
    return _train(rank, processes, *arguments)


def read_learnt(folder: Path) -> torch.Tensor:
    """Return the matrices that start at zero, so that the LoRA's random start is no part of it."""
    weights = load_file(folder / "lora" / "lora.safetensors")
    return torch.cat([weight.flatten() for name, weight in sorted(weights.items()) if "lora_B" in name])


def read_losses(folder: Path) -> list[float]:
    rows = (folder / "lora" / "loss.csv").read_text().split()[1:]
    return [float(row.split(",")[1]) for row in rows]


def test_a_batch_is_divided_among_as_many_as_can_share_it_equally(
    tmp_path: Path, cache: Path, base_model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def note(work: Any, arguments: Any, processes: int, device: torch.device) -> None:
        asked.append(processes)
        raise UserError("not now", "later")

    monkeypatch.setattr(training, "run_in_group", note)
    for devices, batch_size in ((2, 4), (3, 4), (4, 4), (8, 4), (4, 9)):
        with pytest.raises(UserError, match="not now"):
            train(
                cache, base_model, tmp_path, devices, batch_size=batch_size, gradient_accumulation=1, steps=1
            )
    assert asked == [2, 2, 4, 4, 3]
    alone = train(cache, base_model, tmp_path, 8, batch_size=1, gradient_accumulation=1, steps=1)
    assert alone.devices == 1
