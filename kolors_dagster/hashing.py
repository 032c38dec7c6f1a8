"""Content hashes: the only thing a data version is ever made of."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def hash_file(path: Path) -> str:
    """Return the sha256 hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(value: Any) -> str:
    """Return the sha256 hex digest of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_training_set(images: Iterable[tuple[str, str, str]]) -> str:
    """Return the version of a training set, of each image's file name, file hash and caption, in order.

    The asset that makes the set, the LoRA trained on it and the pictures drawn with that all carry this one.
    """
    return hash_json(list(images))
