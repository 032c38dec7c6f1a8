"""`lineage`: where a picture comes from, and what a LoRA or a training image went into."""

import json
import os
from pathlib import Path
from typing import Any

from kolors_dagster.cli.lineage_tree import print_lineage, print_uses
from kolors_dagster.defs.agreement import NO_LOG, add_history
from kolors_dagster.defs.drawn import list_stories
from kolors_dagster.defs.history import History
from kolors_dagster.defs.instance import has_event_log, open_instance
from kolors_dagster.defs.outputs import newest_picture, output_file
from kolors_dagster.defs.sources import read_story, read_style
from kolors_dagster.errors import UserError
from kolors_dagster.lineage.drawn import find_trained_on, image_hashes
from kolors_dagster.lineage.lora_store import LoraStore, StoredLora
from kolors_dagster.lineage.records import CurrentFiles, Lineage, describe_stored_lora, read_lineage

_PICTURES = (".png", ".jpg", ".jpeg")
_CURRENT = CurrentFiles(
    panel=lambda style, story, number, draft: output_file(f"panel_{number}", style, story, draft=draft),
    grid=lambda style, story, draft: output_file("story_grid", style, story, draft=draft),
)


def show_lineage(about: str, style: str, *, as_json: bool) -> None:
    """Print where a story in a style, or a picture file, comes from; raises UserError."""
    is_file = about.lower().endswith(_PICTURES) or os.sep in about
    lineage = _trace(Path(about).expanduser() if is_file else _find_grid(about, style))
    if as_json:
        _print_json(lineage)
    else:
        print_lineage(lineage)


def show_uses_of_lora(prefix: str, *, as_json: bool) -> None:
    """Print every story that a LoRA went into; raises UserError."""
    _show_uses({"loras": [_describe_uses(LoraStore().find(prefix), History(open_instance()))]}, as_json)


def show_uses_of_image(image: str, *, as_json: bool) -> None:
    """Print every LoRA trained on an image, and every story these went into; raises UserError."""
    found = find_trained_on(image_hashes(image))
    if not found:
        raise UserError(
            f"{image}: no LoRA was trained on this picture",
            "give a picture as its source has it, as processed_dataset has it, or one of their hashes",
        )
    history = History(open_instance())
    described = {name: value for name, value in found[0][1].items() if name != "file_name"}
    loras = [{**_describe_uses(lora, history), "file_name": image["file_name"]} for lora, image in found]
    _show_uses({"image": described, "loras": loras}, as_json)


def _trace(picture: Path) -> Lineage:
    try:
        lineage = read_lineage(picture, _CURRENT)
    except UserError as error:
        raise UserError(
            error.problem,
            "give a picture that kolors-dagster drew, as it drew it: all.png, all.jpg, story.png or a panel",
        ) from None
    lineage["log"] = NO_LOG
    if has_event_log():
        add_history(lineage, History(open_instance()))
    return lineage


def _find_grid(story: str, style: str) -> Path:
    grid = newest_picture("story_grid", style, story)
    if not grid.is_file():
        read_style(style)
        read_story(story)
        raise UserError(
            f"story {story} has not been drawn in style {style} ({grid} is missing)",
            f"draw it: kolors-dagster story {story} --style {style}",
        )
    return grid


def _describe_uses(lora: StoredLora, history: History) -> dict[str, Any]:
    described = describe_stored_lora(lora)
    return {**described, "stories": list_stories(history, lora.sha256, lora.manifest["style"])}


def _show_uses(uses: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(uses)
    else:
        print_uses(uses)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
