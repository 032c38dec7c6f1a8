"""A training that is stopped, killed or broken goes on from its last checkpoint to the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster_tests.kolors.training_parts import METADATA, RECIPE, read_folder, stop_at, train


def test_buckets_give_the_same_bytes_again_and_after_an_interruption(
    tmp_path: Path, bucket_cache: Path, base_model: BaseModel
) -> None:
    changes = {"crop": "buckets", "batch_size": 2, "prior_preservation": 0.75}
    train(bucket_cache, base_model, tmp_path / "whole", **changes)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(4, KeyboardInterrupt(), patch)  # no preserved row, which would be asked for before
        with pytest.raises(KeyboardInterrupt):
            train(bucket_cache, base_model, tmp_path / "resumed", **changes)
    assert train(bucket_cache, base_model, tmp_path / "resumed", **changes).resumed_from == 4
    assert read_folder(tmp_path / "resumed" / "lora") == read_folder(tmp_path / "whole" / "lora")


KILLED = """
import json, sys
from pathlib import Path
import torch
from kolors_dagster.kolors.base_model import DEFAULT_TRAINING, BaseModel
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.specs import TrainingRecipe
torch.set_num_threads(1)
cache, base_model, recipe, folder, metadata = json.loads(sys.argv[1])
base_model = BaseModel(**base_model | {"folder": Path(base_model["folder"])})
train_lora(Path(cache), base_model, TrainingRecipe(**recipe), Path(folder) / "lora",
           Path(folder) / "checkpoints", metadata, torch.device("cpu"))
"""


def test_a_killed_training_ends_in_the_same_bytes(tmp_path: Path, cache: Path, base_model: BaseModel) -> None:
    steps = {"steps": 16, "checkpoint_every": 2}
    recipe = RECIPE.model_dump() | steps
    arguments = json.dumps([str(cache), vars(base_model), recipe, str(tmp_path), METADATA], default=str)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, arguments], stdout=output, stderr=output, env=dict(os.environ)
        )
    try:
        # Two whole checkpoints are there, so the one after has begun: the kill falls at any place in it.
        while len(list(tmp_path.glob("checkpoints/[!.]*-step-*"))) < 2:
            assert process.poll() is None, log.read_text()
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "lora").exists(), "it was done before it was killed"
    resumed = train(cache, base_model, tmp_path, **steps)
    assert 4 <= resumed.resumed_from < 16
    train(cache, base_model, tmp_path / "whole", **steps)
    assert read_folder(tmp_path / "lora") == read_folder(tmp_path / "whole" / "lora")
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("out of memory")])
def test_an_interrupted_training_goes_on(
    tmp_path: Path, cache: Path, base_model: BaseModel, trained: Path, error: BaseException
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(5, error, patch)
        with pytest.raises(type(error)):
            train(cache, base_model, tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler
    # The newest checkpoint, after step 4, is damaged: it goes on from the one before.
    newest = max((tmp_path / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    assert train(cache, base_model, tmp_path).resumed_from == 2
    assert read_folder(tmp_path / "lora") == read_folder(trained)


@pytest.mark.parametrize("change", [{"learning_rate": 2e-3}, {"seed": 1}, {"rank": 3}, {"precision": "bf16"}])
def test_never_goes_on_from_another_recipe(
    tmp_path: Path,
    cache: Path,
    base_model: BaseModel,
    change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_at(3, RuntimeError("stop"), patch)
        with pytest.raises(RuntimeError, match="stop"):
            train(cache, base_model, tmp_path)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    stop_at(0, RuntimeError("from the start"), monkeypatch)
    with pytest.raises(RuntimeError, match="from the start"):
        train(cache, base_model, tmp_path, **change)
