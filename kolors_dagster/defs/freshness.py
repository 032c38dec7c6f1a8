"""What is up to date, what is not, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

# Dagster shows staleness in its UI and over GraphQL; in process it has no public way to ask for it.
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from kolors_dagster.defs.keys import PICTURE_ASSETS, STORY_ASSETS, STYLE_ASSETS
from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.resources import chosen_model
from kolors_dagster.defs.sources import SOURCE_VERSION, STORY_SOURCES, STYLE_SOURCES, read_story, read_style

Status = Literal["fresh", "stale", "missing"]

_SOURCE_CHANGED = {
    "base_model": "another base model is asked for",
    "raw_dataset": "the style's images, caption or trigger words changed",
    "filtered_dataset": "the style file's process changed",
    "training_recipe": "the style file's training recipe changed",
    "sampling_recipe": "the story file's sampling recipe changed",
    "captions": "the story file's title or captions changed",
}


@dataclass(frozen=True)
class AssetState:
    """One asset of one partition; `causes` says why it is not fresh."""

    key: str
    partition: str | None
    status: Status
    causes: tuple[str, ...]


class Freshness:
    """Answers for assets of one instance; read once, so make a new one after a run."""

    def __init__(self, instance: dg.DagsterInstance, graph: BaseAssetGraph[Any]) -> None:
        self._instance = instance
        self._resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))

    def of_model(self) -> list[AssetState]:
        """Return the state of the base model."""
        return [self._state("base_model", None, (), chosen_model)]

    def of_style(self, style: str) -> list[AssetState]:
        """Return the states of a style's assets, parents first."""
        spec = read_style(style)
        return [
            self._state(asset, style, (style,), _bind(STYLE_SOURCES, asset, spec)) for asset in STYLE_ASSETS
        ]

    def of_story(self, story: str) -> list[AssetState]:
        """Return the states of a story's prompts, recipe and captions."""
        spec = read_story(story)
        return [
            self._state(asset, story, (story,), _bind(STORY_SOURCES, asset, spec)) for asset in STORY_ASSETS
        ]

    def of_pictures(self, style: str, story: str) -> list[AssetState]:
        """Return the states of a story's panels and grid in a style."""
        partition = str(pair_key(style, story))
        return [self._state(asset, partition, (style, story), None) for asset in PICTURE_ASSETS]

    def _state(
        self, asset: str, partition: str | None, folders: Sequence[str], source: Callable[[], str] | None
    ) -> AssetState:
        key = dg.AssetKey(asset)
        wanted = dg.AssetRecordsFilter(key, asset_partitions=[partition] if partition else None)
        records = self._instance.fetch_materializations(wanted, limit=1).records
        if not records or (made := records[0].asset_materialization) is None:
            return AssetState(asset, partition, "missing", ("never made",))
        file = output_file(asset, *folders)
        if not file.exists():
            return AssetState(asset, partition, "missing", (f"{file} is gone",))
        causes = []
        if source is not None and made.metadata[SOURCE_VERSION].value != source():
            causes.append(_SOURCE_CHANGED.get(asset, "the story file's prompt or character changed"))
        for cause in self._resolver.get_stale_causes(key, partition):
            about = f": {cause.dependency.asset_key.to_user_string()}" if cause.dependency else ""
            causes.append(f"{cause.reason}{about}")
        return AssetState(asset, partition, "stale" if causes else "fresh", tuple(causes))


def _bind(sources: Mapping[str, Callable[[Any], str]], asset: str, spec: object) -> Callable[[], str] | None:
    return (lambda: sources[asset](spec)) if asset in sources else None
