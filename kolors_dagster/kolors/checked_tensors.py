"""Tensors on disk that are either just what was written, or not there."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from kolors_dagster.files import write_whole_file

_FACTS = "facts"


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write a safetensors file, whole, with JSON `facts` and a hash of the tensors in its header."""
    described = json.dumps(facts | {"sha256": _hash_tensors(tensors)}, sort_keys=True)
    with write_whole_file(path) as aside:
        save_file(tensors, aside, {_FACTS: described})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the tensors (on the CPU) and the facts, or None for a file that is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()[_FACTS])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return (tensors, facts) if facts.pop("sha256") == _hash_tensors(tensors) else None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def _hash_tensors(tensors: dict[str, Tensor]) -> str:
    return hashlib.sha256(save(tensors)).hexdigest()
