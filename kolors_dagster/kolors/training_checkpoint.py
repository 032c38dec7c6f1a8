"""Checkpoints of a training: a few MB of LoRA and optimizer state, whole, tied to what is trained on what."""

import logging
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from kolors_dagster.kolors.checked_tensors import read_tensors, write_tensors

_log = logging.getLogger(__name__)
_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` steps."""

    step: int
    tensors: dict[str, Tensor]


def save_checkpoint(folder: Path, key: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and keep the one before it in case this one gets damaged.

    `key` hashes all that the training follows from; only a training with the same key finds it again.
    """
    path = folder / f"{key[:16]}-step-{checkpoint.step:07}.safetensors"
    write_tensors(path, checkpoint.tensors, {"key": key, "step": checkpoint.step})
    for old in _list_newest_first(folder, key)[_KEPT:]:
        old.unlink()


def load_newest_checkpoint(folder: Path, key: str) -> Checkpoint | None:
    """Return the newest checkpoint with this key that is not damaged, if there is one."""
    for path in _list_newest_first(folder, key):
        checkpoint = _load(path, key)
        if checkpoint is not None:
            return checkpoint
        _log.warning("%s is damaged; going back to the checkpoint before it", path)
    return None


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints, of whatever key, and the folder if nothing else is in it."""
    for path in folder.glob("*-step-*.safetensors"):
        path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _list_newest_first(folder: Path, key: str) -> list[Path]:
    return sorted(folder.glob(f"{key[:16]}-step-*.safetensors"), reverse=True)


def _load(path: Path, key: str) -> Checkpoint | None:
    found = read_tensors(path)
    if found is None or found[1]["key"] != key:
        return None
    return Checkpoint(found[1]["step"], found[0])
