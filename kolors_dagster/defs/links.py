"""Links in the UI between a picture and the LoRA that drew it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import dagster as dg

from kolors_dagster.defs.drawn import list_stories
from kolors_dagster.defs.history import History
from kolors_dagster.defs.metadata import Metadata, show_table
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.lineage.lora_store import LoraStore

_SHOWN_DIGITS = 12


def link_to(text: str, asset: str, partition: str, timestamp: float | None = None) -> str:
    """Return markdown that leads to an asset's partition in the UI, or to what was made of it at a time.

    The address is without host and port, so it holds wherever the UI runs.
    """
    query = {"view": "partitions", "partition": partition}
    if timestamp is not None:
        query = {"view": "events", "time": str(round(timestamp * 1000))}
    return f"[{text}](/assets/{asset}?{urlencode(query)})"


def show_loras(history: History, style: str, sha256s: Iterable[str]) -> Metadata:
    """Return, for each LoRA, links to its training: the event, the run, and the images it was trained on."""
    shown: Metadata = {}
    for number, sha256 in enumerate(dict.fromkeys(sha256s), 1):
        suffix = "" if number == 1 else f"_{number}"
        name = f"{style} · {sha256[:_SHOWN_DIGITS]}"
        trained = history.find("lora_checkpoint", style, sha256)
        if trained is None:
            shown[f"lora{suffix}"] = name
            continue
        text = f"{name} · trained {trained.when}"
        shown[f"lora{suffix}"] = dg.MetadataValue.md(
            link_to(text, "lora_checkpoint", style, trained.timestamp)
        )
        shown[f"lora_run{suffix}"] = dg.MetadataValue.dagster_run(trained.run_id)
        if stored := LoraStore().get(sha256):
            shown[f"training_images{suffix}"] = link_to_images(history, stored.manifest)
    return shown


def link_to_images(history: History, manifest: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    """Return the counts of a LoRA's data set, as a link to the event that made it."""
    style, dataset = manifest["style"], manifest["dataset"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in dataset["rejected_by_reason"].items())
    exported = history.find("processed_dataset", style, dataset["data_version"])
    text = f"{dataset['kept']} images, {dataset['rejected']} rejected" + (f" ({reasons})" if reasons else "")
    return dg.MetadataValue.md(
        link_to(text, "processed_dataset", style, exported.timestamp if exported else None)
    )


def show_panels(records: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Return a table of what each panel of a grid was drawn from."""
    return show_table(
        [
            {
                "panel": record["recipe"]["number"],
                "prompt": record["recipe"]["prompt"],
                "negative prompt": record["recipe"]["negative_prompt"],
                "seed": str(record["recipe"]["seed"]),
                "LoRA": record["recipe"]["lora_sha256"][:_SHOWN_DIGITS],
            }
            for record in records
        ]
    )


def observe_drawn(style: str, story: str, sha256: str, run_id: str) -> dg.AssetObservation:
    """Return what puts a story on its LoRA's page; an observation, so that nothing becomes out of date."""
    return dg.AssetObservation(
        "lora_checkpoint", partition=style, metadata=_show_drawn(style, story, sha256, run_id)
    )


def show_drawn_before(history: History, style: str, sha256: str) -> Metadata:
    """Return the stories that a LoRA drew before it was trained once more and came out the same."""
    if history.find("lora_checkpoint", style, sha256) is None:
        return {}
    shown: Metadata = {}
    for story in list_stories(history, sha256, style):
        shown |= _show_drawn(style, story["story"], sha256, story["run_id"])
    return shown


def _show_drawn(style: str, story: str, sha256: str, run_id: str | None) -> Metadata:
    link = link_to(f"{story} in {style}", "story_grid", str(pair_key(style, story)))
    run = f" in run [{run_id[:8]}](/runs/{run_id})" if run_id else ""
    return {f"drew {story}": dg.MetadataValue.md(f"{link} with {sha256[:_SHOWN_DIGITS]}{run}")}
