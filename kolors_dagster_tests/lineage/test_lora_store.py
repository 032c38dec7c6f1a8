import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from kolors_dagster.errors import UserError
from kolors_dagster.lineage.lora_store import LoraStore

DATASET = {"data_version": "d" * 64, "kept": 2, "rejected": 1, "images": [], "rejects": []}


def train(folder: Path, value: float) -> str:
    """Write what a training writes; return the file's hash."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    header = {
        "style": "ink",
        "trigger_words": "水墨画",
        "recipe": json.dumps({"steps": 2}),
        "base_model": "kolors-mini",
        "base_model_version": "b" * 64,
        "dataset_version": "d" * 64,
        "training_cache_version": "c" * 64,
    }
    save_file({"a": np.full(4, value)}, folder / "lora.safetensors", header)
    (folder / "loss.csv").write_text("step,loss\n1,0.5\n2,0.25\n")
    return hashlib.sha256((folder / "lora.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LoraStore:
    return LoraStore(tmp_path / "store")


def test_a_lora_stays_after_its_folder_was_replaced(store: LoraStore, tmp_path: Path) -> None:
    first = train(tmp_path / "out", 1.0)
    store.put(tmp_path / "out", DATASET, "run-1", "2026-01-01T00:00:00Z")
    second = train(tmp_path / "out", 2.0)
    store.put(tmp_path / "out", DATASET, "run-2", "2026-01-02T00:00:00Z")
    assert [lora.sha256 for lora in store.list()] == [second, first]
    old = store.get(first)
    assert old is not None and old.weights is not None
    assert hashlib.sha256(old.weights.read_bytes()).hexdigest() == first
    assert old.manifest["loss"] == {"steps": 2, "first": 0.5, "mean": 0.375, "last": 0.25}
    assert old.manifest["dataset"] == DATASET and old.manifest["recipe"] == {"steps": 2}
    assert old.runs == [{"run_id": "run-1", "trained_at": "2026-01-01T00:00:00Z"}]


def test_the_same_lora_again_keeps_its_first_manifest_and_adds_the_run(
    store: LoraStore, tmp_path: Path
) -> None:
    sha256 = train(tmp_path / "out", 1.0)
    store.put(tmp_path / "out", DATASET, "run-1", "2026-01-01T00:00:00Z")
    before = (store.root / sha256 / "manifest.json").read_bytes()
    for _ in range(2):
        store.put(tmp_path / "out", {**DATASET, "rejected": 9}, "run-2", "2026-01-02T00:00:00Z")
    assert (store.root / sha256 / "manifest.json").read_bytes() == before
    assert [run["run_id"] for run in store.find(sha256).runs] == ["run-1", "run-2"]


def test_damaged_or_freed_weights_come_back_with_the_next_training(store: LoraStore, tmp_path: Path) -> None:
    sha256 = train(tmp_path / "out", 1.0)
    weights = store.root / sha256 / "lora.safetensors"
    for spoil in (lambda: weights.unlink(), lambda: (weights.unlink(), weights.write_bytes(b"half"))):
        store.put(tmp_path / "out", DATASET, "run-1", "2026-01-01T00:00:00Z")
        spoil()
        store.put(tmp_path / "out", DATASET, "run-1", "2026-01-01T00:00:00Z")
        assert hashlib.sha256(weights.read_bytes()).hexdigest() == sha256
    assert sorted(path.name for path in weights.parent.iterdir()) == [
        "lora.safetensors",
        "loss.csv",
        "manifest.json",
        "runs.json",
    ]


def test_the_beginning_of_a_hash_names_one_lora(store: LoraStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no LoRA of this project") as nothing:
        store.find("abcd")
    assert "train a style" in nothing.value.fix
    sha256 = train(tmp_path / "out", 1.0)
    store.put(tmp_path / "out", DATASET, "run-1", "2026-01-01T00:00:00Z")
    eleventh = "1" if sha256[10] == "0" else "0"  # a neighbour that parts from it there
    shutil.copytree(store.root / sha256, store.root / (sha256[:10] + eleventh + "0" * 53))
    assert store.find(sha256[:11].upper()).sha256 == sha256
    with pytest.raises(UserError, match="2 LoRAs begin so"):
        store.find(sha256[:10])
    for wrong in ("abc", "../..", "anime", sha256 + "0"):
        with pytest.raises(UserError, match="not the beginning of a sha256"):
            store.find(wrong)
