import gc
import logging
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kolors_dagster.kolors import training, validation
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.request import DrawnPanel, DrawRequest
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_steps import StepBatch, TrainingSteps
from kolors_dagster.kolors.validation import Validation
from kolors_dagster_tests.kolors.training_parts import CPU, RECIPE

WATCHED = {"validation_prompt": "女孩在海边", "validation_every": 2, "steps": 5}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path / "data"))


@pytest.fixture
def quick(base_model: BaseModel) -> BaseModel:
    return replace(base_model, default_steps=3)


@pytest.fixture
def train(tmp_path: Path, cache: Path, quick: BaseModel) -> Any:
    def run(name: str, **changes: Any) -> dict[str, bytes]:
        recipe = RECIPE.model_copy(update=changes)
        folder = tmp_path / name
        checkpoints = tmp_path / "checkpoints"
        train_lora(cache, quick, recipe, folder, checkpoints, {"trigger_words": "二次元"}, CPU)
        assert not checkpoints.exists()
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return run


def test_the_lora_is_the_same_with_pictures_and_without(train: Any) -> None:
    watched, plain = train("watched", **WATCHED), train("plain", steps=5)
    assert {name: watched[name] for name in plain} == plain
    pictures = [f"validation/step-{step:05}.png" for step in (0, 2, 4, 5)]
    assert sorted(set(watched) - set(plain)) == ["validation.jpg", *pictures]
    assert len({watched[name] for name in pictures}) == 4


def test_pictures_are_what_panels_would_be(train: Any, tmp_path: Path, quick: BaseModel) -> None:
    train("lora", **WATCHED, learning_rate=1e-2)
    early = quick.early_guidance_scale
    request = DrawRequest(
        1, "二次元，女孩在海边", "", RECIPE.seed, 64, 64, quick.default_steps, 4.0, 1.0, early
    )
    before, after = (read(tmp_path / f"lora/validation/step-0000{step}.png") for step in (0, 5))
    assert np.abs(before - draw(quick, request, None)).max() <= 2
    assert np.abs(after - draw(quick, request, tmp_path / "lora" / "lora.safetensors")).max() <= 2
    assert np.abs(after - before).max() > 10


def draw(base_model: BaseModel, request: DrawRequest, lora: Path | None) -> np.ndarray:
    (drawn,) = KolorsBundle(base_model, "cpu").draw([request], lora)
    assert isinstance(drawn, DrawnPanel)
    return np.asarray(drawn.image).astype(int)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_a_killed_training_keeps_its_pictures(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train("whole", **WATCHED)
    interrupt(train, monkeypatch, **WATCHED)
    drawn: list[int] = []
    draw_one = Validation.draw
    monkeypatch.setattr(
        Validation, "draw", lambda self, unet, step: (drawn.append(step), draw_one(self, unet, step))
    )
    assert train("resumed", **WATCHED) == whole
    assert drawn == [4, 5]


def test_pictures_of_another_prompt_are_not_taken_for_this_one(
    train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(train, monkeypatch, **WATCHED)
    other = WATCHED | {"validation_prompt": "一只猫"}
    assert sorted(name for name in train("resumed", **other) if name.endswith("png")) == [
        "validation/step-00004.png",
        "validation/step-00005.png",
    ]


def interrupt(train: Any, monkeypatch: pytest.MonkeyPatch, **recipe: Any) -> None:
    """End a training after its third step; its checkpoint is that of the second."""
    make_batch = TrainingSteps.make_batch

    def make_or_stop(steps: TrainingSteps, step: int) -> StepBatch:
        if step == 3:
            raise KeyboardInterrupt
        return make_batch(steps, step)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainingSteps, "make_batch", make_or_stop)
        train("resumed", **recipe)


def test_one_part_of_the_model_is_in_memory_at_a_time(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, weakref.ref[Any]]] = []

    def watch(module: Any, name: str) -> None:
        load = getattr(module, name)

        def watched(*arguments: Any) -> Any:
            gc.collect()
            assert [other for other, part in loaded if part() is not None] == []
            part = load(*arguments)
            loaded.append((name, weakref.ref(getattr(part, "model", part))))
            return part

        monkeypatch.setattr(module, name, watched)

    watch(validation, "load_text_encoder")
    watch(training, "load_unet")
    watch(validation, "load_vae")
    train("lora", **WATCHED)
    assert [name for name, _ in loaded] == ["load_text_encoder", "load_unet", "load_vae"]
    loaded.clear()
    train("lora", **WATCHED)  # the prompt is in the store of embeddings now
    assert [name for name, _ in loaded] == ["load_unet", "load_vae"]


def test_a_picture_that_is_none_is_told_and_left_out(
    base_model: BaseModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = base_model.fill_recipe(RECIPE.model_copy(update=WATCHED))
    drawn = Validation(base_model, recipe, "二次元", CPU, torch.float32)
    drawn.restore({f"{drawn._prefix}7": torch.full((1, 4, 8, 8), torch.nan)})
    with caplog.at_level(logging.WARNING):
        drawn.write(tmp_path)
    assert "validation picture after step 7: " in caplog.text
    assert not (tmp_path / "validation.jpg").exists()
