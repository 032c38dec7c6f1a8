"""What a picture says of itself, as one plain structure that the event log is then held against."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_file
from kolors_dagster.lineage.lora_store import LoraStore, StoredLora
from kolors_dagster.story.provenance import DRAFT, PIXELS, is_draft, read_any_record
from kolors_dagster.story.store import PanelStore

Lineage = dict[str, Any]
_SUMMARY = ("data_version", "kept", "rejected", "rejected_by_reason")


@dataclass(frozen=True)
class CurrentFiles:
    """Where a story's pictures in a style lie: by style, story, the panel's number, and whether a draft."""

    panel: Callable[[str, str, int, bool], Path]
    grid: Callable[[str, str, bool], Path]


def read_lineage(picture: Path, current: CurrentFiles) -> Lineage:
    """Return where a picture comes from, by its own record and the stores; nothing of the event log yet.

    Every `sha256` is of a file's bytes, every `pixels_sha256` of its pixels (a panel's data version); run ids
    and times are None.
    Raises UserError for a picture that is damaged or has no record of ours.
    """
    record = read_any_record(picture)
    try:
        panels = record.get("panels", [record])
        kind = record.get("kind", "panel")
        stories, styles = {panel["story"] for panel in panels}, {panel["style"] for panel in panels}
        if len(stories) != 1 or len(styles) != 1:
            raise KeyError("story")
        story, style = stories.pop(), styles.pop()
        return {
            "story": story,
            "style": style,
            "picture": {
                "kind": kind,
                DRAFT: is_draft(record),
                "path": str(picture),
                "sha256": hash_file(picture),
                PIXELS: record[PIXELS],
                "run_id": None,
                "made_at": None,
            },
            "grid": (
                _describe_grid(picture, record, current.grid(style, story, is_draft(record)))
                if kind != "panel"
                else None
            ),
            "panels": [_describe_panel(panel, current) for panel in panels],
            "loras": list(_describe_loras(panels).values()),
        }
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UserError(
            f"{picture}: its record is not one of kolors-dagster's, or of an older version",
            "ask about a picture drawn by this version: all.png, all.jpg, story.png or a panel",
        ) from None


def _describe_grid(picture: Path, record: dict[str, Any], current: Path) -> dict[str, Any] | None:
    """Return the lossless grid of the panels in `record`: the picture itself, or its story's current one."""
    for path in (picture, current):
        try:
            found = read_any_record(path)
        except UserError:
            continue
        if path.suffix == ".png" and found.get("kind") == "grid" and found["panels"] == record["panels"]:
            return {"path": str(path), "sha256": hash_file(path), PIXELS: found[PIXELS], "run_id": None}
    return None


def _describe_panel(record: dict[str, Any], current: CurrentFiles) -> dict[str, Any]:
    recipe = record["recipe"]
    number = recipe["number"]
    file = _find_panel(record, current.panel(record["style"], record["story"], number, is_draft(record)))
    return {
        "number": number,
        "path": str(file) if file else None,
        "sha256": hash_file(file) if file else None,
        PIXELS: record[PIXELS],
        "prompt": recipe["prompt"],
        "negative_prompt": recipe["negative_prompt"],
        "seed": recipe["seed"],
        "sampler": recipe["scheduler"],
        "recipe": recipe,
        "recipe_key": record["recipe_key"],
        "base_model": {"name": recipe["base_model"], "version": recipe["base_model_version"]},
        "lora_sha256": recipe["lora_sha256"],
        "run_id": None,
        "drawn_at": None,
    }


def _find_panel(record: dict[str, Any], current: Path) -> Path | None:
    """Return the panel's own file: its story's, or the store's if the story shows another by now."""
    for path in (current, PanelStore().path(record["recipe_key"])):
        try:
            if read_any_record(path)[PIXELS] == record[PIXELS]:
                return path
        except UserError:
            continue
    return None


def _describe_loras(panels: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {panel["lora"]["sha256"]: _describe_lora(panel["lora"]) for panel in panels}


def _describe_lora(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return a LoRA from the record in a picture, and from its manifest where the store has it."""
    stored = LoraStore().get(recorded["sha256"])
    return describe_stored_lora(stored) if stored else _describe(_manifest_of_record(recorded), None, {})


def describe_stored_lora(stored: StoredLora) -> dict[str, Any]:
    """Return a LoRA of the store: its file, the last run it came out of, and its manifest."""
    return _describe(stored.manifest, stored.weights, stored.runs[-1] if stored.runs else {})


def _describe(manifest: dict[str, Any], weights: Path | None, run: dict[str, str]) -> dict[str, Any]:
    return {
        "sha256": manifest["sha256"],
        "path": str(weights) if weights else None,
        "style": manifest["style"],
        "trigger_words": manifest["trigger_words"],
        "run_id": run.get("run_id"),
        "trained_at": run.get("trained_at"),
        "recipe": manifest["recipe"],
        "base_model": manifest["base_model"],
        "loss": manifest["loss"],
        "dataset": manifest["dataset"],
    }


def _manifest_of_record(recorded: dict[str, Any]) -> dict[str, Any]:
    return {
        "sha256": recorded["sha256"],
        "style": recorded["style"],
        "trigger_words": recorded["trigger_words"],
        "recipe": json.loads(recorded["recipe"]),
        "base_model": {"name": recorded["base_model"], "version": recorded["base_model_version"]},
        "loss": recorded.get("loss"),
        "dataset": recorded.get("dataset") or {"data_version": recorded["dataset_version"]},
    }


def summarize(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what of a LoRA's manifest goes into every picture drawn with it: counts and losses, no lists."""
    dataset = {name: manifest["dataset"][name] for name in _SUMMARY if name in manifest["dataset"]}
    return {"loss": manifest["loss"], "dataset": dataset}
