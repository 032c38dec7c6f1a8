from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kolors_dagster.kolors.training_checkpoint import (
    Checkpoint,
    load_newest_checkpoint,
    remove_checkpoints,
    save_checkpoint,
)

KEY, OTHER_KEY = "a" * 64, "b" * 64


def make_checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"layer/weight": torch.full((2, 3), float(step)), "losses": torch.rand(step)})


def test_newest_comes_back(tmp_path: Path) -> None:
    assert load_newest_checkpoint(tmp_path, KEY) is None
    for step in (2, 4, 10):
        saved = make_checkpoint(step)
        save_checkpoint(tmp_path, KEY, saved)
    loaded = load_newest_checkpoint(tmp_path, KEY)
    assert loaded is not None
    assert loaded.step == 10
    assert all(torch.equal(loaded.tensors[name], saved.tensors[name]) for name in saved.tensors)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"",
        lambda data: b"not a checkpoint at all",
    ],
    ids=["truncated", "one bit", "empty", "other"],
)
def test_a_damaged_one_falls_back_to_the_one_before(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    for step in (2, 4):
        save_checkpoint(tmp_path, KEY, make_checkpoint(step))
    newest = max(tmp_path.iterdir())
    newest.write_bytes(damage(newest.read_bytes()))
    loaded = load_newest_checkpoint(tmp_path, KEY)
    assert loaded is not None
    assert loaded.step == 2


def test_another_trainings_is_never_taken(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, KEY, make_checkpoint(4))
    assert load_newest_checkpoint(tmp_path, OTHER_KEY) is None
    # Nor one that only carries the right name.
    path = next(tmp_path.iterdir())
    path.rename(path.with_name(path.name.replace(KEY[:16], OTHER_KEY[:16])))
    assert load_newest_checkpoint(tmp_path, OTHER_KEY) is None


def test_removes_checkpoints_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    save_checkpoint(folder, KEY, make_checkpoint(4))
    save_checkpoint(folder, OTHER_KEY, make_checkpoint(4))
    (folder / "notes.txt").write_text("mine")
    remove_checkpoints(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    (folder / "notes.txt").unlink()
    remove_checkpoints(folder)
    assert not folder.exists()
    remove_checkpoints(folder)
