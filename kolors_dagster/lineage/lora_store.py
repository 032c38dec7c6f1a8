"""Every LoRA ever trained, under the hash of its file, with the record of what it was trained on."""

import csv
import json
import math
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from kolors_dagster.errors import UserError
from kolors_dagster.files import join_inside, read_json, write_json, write_whole_file
from kolors_dagster.hashing import hash_file
from kolors_dagster.paths import asset_folder

_WEIGHTS, _LOSS, _MANIFEST, _RUNS = "lora.safetensors", "loss.csv", "manifest.json", "runs.json"


def read_lora(path: Path) -> dict[str, str]:
    """Return a LoRA file's own metadata, and its hash as `sha256`; raises UserError if it cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            return {"sha256": hash_file(path), **(file.metadata() or {})}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole LoRA file ({error})", "train the style again") from None


@dataclass(frozen=True)
class StoredLora:
    """One LoRA of the store; its record stays when its weights are freed."""

    sha256: str
    folder: Path

    @property
    def weights(self) -> Path | None:
        """The LoRA's file, unless it was freed."""
        path = self.folder / _WEIGHTS
        return path if path.is_file() else None

    @property
    def loss(self) -> Path | None:
        """Its loss curve (`step,loss`), unless it was freed."""
        path = self.folder / _LOSS
        return path if path.is_file() else None

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What it was made of: style, recipe, base model, losses and the whole data set. No clock times."""
        return read_json(self.folder / _MANIFEST)

    @property
    def runs(self) -> list[dict[str, str]]:
        """The runs it came out of, oldest first: `run_id` and `trained_at` (ISO 8601, UTC)."""
        path = self.folder / _RUNS
        return read_json(path) if path.is_file() else []


class LoraStore:
    """The folder `lora_store/<sha256>/`; each file in it is written whole, `manifest.json` first.

    A LoRA's manifest is that of the first training it came out of and never changes.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = asset_folder("lora_store") if root is None else root

    def put(self, trained: Path, dataset: Mapping[str, Any], run_id: str, trained_at: str) -> StoredLora:
        """Keep what a training wrote to the folder `trained`, with the manifest of its data set.

        Weights are linked, not copied, where the disk can: `trained` is replaced and never written into.
        """
        header = read_lora(trained / _WEIGHTS)
        stored = StoredLora(header["sha256"], join_inside(self.root, header["sha256"]))
        if not (stored.folder / _MANIFEST).is_file():
            write_json(
                stored.folder / _MANIFEST, _make_manifest(header, _read_losses(trained / _LOSS), dataset)
            )
        for name in (_WEIGHTS, _LOSS):
            kept = stored.folder / name
            if not kept.is_file() or hash_file(kept) != hash_file(trained / name):
                _link(trained / name, kept)
        if run_id not in {run["run_id"] for run in stored.runs}:
            write_json(stored.folder / _RUNS, [*stored.runs, {"run_id": run_id, "trained_at": trained_at}])
        return stored

    def get(self, sha256: str) -> StoredLora | None:
        """Return the LoRA of a whole hash, if it was ever kept."""
        folder = join_inside(self.root, sha256)
        return StoredLora(sha256, folder) if (folder / _MANIFEST).is_file() else None

    def list(self) -> list[StoredLora]:
        """Return all LoRAs, the newest first (by the last run they came out of)."""
        found = [StoredLora(path.parent.name, path.parent) for path in self.root.glob(f"*/{_MANIFEST}")]
        found.sort(key=lambda lora: (lora.runs[-1]["trained_at"] if lora.runs else "", lora.sha256))
        return found[::-1]

    def find(self, prefix: str) -> StoredLora:
        """Return the LoRA whose hash begins with `prefix`; raises UserError unless there is exactly one."""
        wanted = check_prefix(prefix)
        matching = [lora for lora in self.list() if lora.sha256.startswith(wanted)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise UserError(
                f"{prefix}: {len(matching)} LoRAs begin so: {_tell(matching)}", "give more digits of one"
            )
        there = _tell(self.list()) or "none; train a style first"
        raise UserError(f"{prefix}: no LoRA of this project has this hash", f"choose one of these: {there}")


def check_prefix(prefix: str) -> str:
    """Return the beginning of a hash in lower case; raises UserError if it cannot be one."""
    if not re.fullmatch(r"[0-9a-fA-F]{4,64}", prefix):
        raise UserError(f"{prefix!r} is not the beginning of a sha256", "give 4 to 64 digits of 0–9 and a–f")
    return prefix.lower()


def _tell(loras: list[StoredLora]) -> str:
    shown = [f"{lora.sha256[:12]} ({lora.manifest['style']})" for lora in loras[:8]]
    return ", ".join(shown) + (f" and {len(loras) - 8} more" if len(loras) > 8 else "")


def _make_manifest(header: dict[str, str], losses: list[float], dataset: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sha256": header["sha256"],
        "style": header["style"],
        "trigger_words": header["trigger_words"],
        "recipe": json.loads(header["recipe"]),
        "base_model": {"name": header["base_model"], "version": header["base_model_version"]},
        "training_cache_version": header["training_cache_version"],
        "loss": {
            "steps": len(losses),
            "first": losses[0],
            "mean": math.fsum(losses) / len(losses),
            "last": losses[-1],
        },
        "dataset": dataset,
    }


def _read_losses(path: Path) -> list[float]:
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def _link(source: Path, target: Path) -> None:
    with write_whole_file(target) as aside:
        try:
            os.link(source, aside)
        except OSError:  # another disk, or one without hard links
            shutil.copyfile(source, aside)
