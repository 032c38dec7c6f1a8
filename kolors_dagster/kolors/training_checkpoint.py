"""Checkpoints of a training: a few MB of LoRA and optimizer state, whole, tied to what is trained on what."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from kolors_dagster.files import write_whole_file

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
    metadata = {"key": key, "step": checkpoint.step, "sha256": _hash_tensors(checkpoint.tensors)}
    with write_whole_file(folder / f"{key[:16]}-step-{checkpoint.step:07}.safetensors") as aside:
        save_file(checkpoint.tensors, aside, {"checkpoint": json.dumps(metadata)})
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
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads(file.metadata()["checkpoint"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    whole = metadata["key"] == key and metadata["sha256"] == _hash_tensors(tensors)
    return Checkpoint(metadata["step"], tensors) if whole else None


def _hash_tensors(tensors: dict[str, Tensor]) -> str:
    return hashlib.sha256(save(tensors)).hexdigest()
