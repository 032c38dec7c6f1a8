"""What the UI shows of the model's work, through the real assets."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from kolors_dagster.definitions import defs
from kolors_dagster.defs.outputs import output_folder
from kolors_dagster.defs.targets import Targets
from kolors_dagster.defs.update import Updater
from kolors_dagster_tests.conftest import write_spec

STYLE, STORY = Targets(["tiny"], []), Targets([], [("tiny", "walk")])
SPEED = ("images_per_second", "milliseconds_per_step", "peak_memory_mib")


def edit_training(project: Path, **changes: Any) -> None:
    path = project / "styles" / "tiny.yaml"
    style = yaml.safe_load(path.read_text(encoding="utf-8"))
    write_spec(path, style | {"training": style["training"] | changes})


def update(instance: dg.DagsterInstance, targets: Targets) -> None:
    updater = Updater(defs, instance, lambda item, wave: None)
    updater.update(targets)
    assert not updater.problems


def metadata_of(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None and event.asset_materialization is not None
    return {name: entry.value for name, entry in event.asset_materialization.metadata.items()}


def test_what_computes_with_the_model_says_how_fast(project: Path, instance: dg.DagsterInstance) -> None:
    edit_training(project, validation_prompt="女孩走过街", validation_every=2)
    update(instance, STORY)
    shown = {
        asset: metadata_of(instance, asset) for asset in ("training_cache", "lora_checkpoint", "panel_1")
    }
    for asset, metadata in shown.items():
        assert all(isinstance(metadata[name], float) and metadata[name] > 0 for name in SPEED), asset
    panel = shown["panel_1"]
    assert (panel["batch_size"], panel["from_store"]) == (8, False)
    lora = shown["lora_checkpoint"]
    assert lora["images_per_second"] == pytest.approx(1000 / lora["milliseconds_per_step"], rel=0.05)

    assert "](data:image/webp;base64," in lora["validation"] and "](data:" in lora["validation_preview"]
    folder = output_folder("lora_checkpoint", "tiny")
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*g"))
    steps = [f"validation/step-0000{step}.png" for step in (0, 2, 3)]
    assert written == ["validation.jpg", *steps]

    # Trained otherwise on the same images: the cache is there already, and has nothing to say of its speed.
    edit_training(project, validation_prompt=None, steps=4)
    update(instance, STYLE)
    assert not set(SPEED) & set(metadata_of(instance, "training_cache"))
    assert metadata_of(instance, "training_cache")["images"] == shown["training_cache"]["images"]
    assert "validation" not in metadata_of(instance, "lora_checkpoint")
    assert sorted(path.name for path in folder.iterdir()) == ["lora.safetensors", "loss.csv"]
