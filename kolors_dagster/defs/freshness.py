"""What is up to date, what is not, and why.

The rules are those of Dagster's UI, and a source besides: an asset is stale when its code version, the data
version of something it is made from, or the file it reads is another than when it was made. Dagster answers
for one partition at a time, with some ten queries each; here the event log is read for many at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from kolors_dagster.defs.keys import MODEL_ASSETS, PICTURE_ASSETS, STORY_ASSETS, STYLE_ASSETS
from kolors_dagster.defs.made import Made, MadeAssets
from kolors_dagster.defs.outputs import folder_name, main_file
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.resources import chosen_model
from kolors_dagster.defs.sources import (
    STORY_SOURCES,
    STYLE_SOURCES,
    base_model_version,
    read_story,
    read_style,
)
from kolors_dagster.paths import asset_folder

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

Status = Literal["fresh", "stale", "missing"]

_SOURCE_CHANGED = {
    "base_model": "another base model is asked for, or another kolors-mini came with this project",
    "raw_dataset": "the style's images, caption or trigger words changed",
    "filtered_dataset": "the style file's process changed",
    "training_recipe": "the style file's training recipe changed",
    "sampling_recipe": "the story file's sampling recipe changed",
    "captions": "the story file's title or captions changed",
}


@dataclass(frozen=True)
class AssetState:
    """One asset of one partition; `causes` says why it is not fresh, `draft` whether a draft is there."""

    key: str
    partition: str | None
    status: Status
    causes: tuple[str, ...]
    draft: bool = False


@dataclass(frozen=True)
class _Place:
    """Whose assets are meant: a style's, a story's, a story's in a style, or nobody's (the base model)."""

    style: str | None = None
    story: str | None = None

    def partition_of(self, asset: str) -> str | None:
        """Return the partition key of `asset` here, be it above or below."""
        if asset in MODEL_ASSETS:
            return None
        if asset in STYLE_ASSETS:
            return self.style
        if asset in STORY_ASSETS:
            return self.story
        return str(pair_key(self.style or "", self.story or ""))

    def folders(self) -> tuple[str, ...]:
        """Return where below an asset's folder its output lies."""
        return tuple(name for name in (self.style, self.story) if name is not None)


def is_only_source_new(state: AssetState) -> bool:
    """Say whether the file an asset reads is all that is new, or it was never made or its output is gone."""
    return state.status == "missing" or state.causes == (_SOURCE_CHANGED.get(state.key),)


class Freshness:
    """Answers for assets of one instance; read once, so make a new one after a run."""

    def __init__(self, instance: dg.DagsterInstance, graph: "BaseAssetGraph[Any]") -> None:
        self._made = MadeAssets(instance)
        self._nodes = cache(lambda asset: graph.get(dg.AssetKey(asset)))
        self._folder = cache(asset_folder)
        self._style = cache(read_style)
        self._story = cache(read_story)

    def read_ahead(self, styles: Iterable[str], pairs: Iterable[tuple[str, str]]) -> None:
        """Read what is known of styles and of (style, story) pairs, with all above them, in few queries."""
        pairs = list(pairs)
        partitions: list[tuple[Sequence[str], set[str]]] = [
            (STYLE_ASSETS, {*styles, *(style for style, _ in pairs)}),
            (STORY_ASSETS, {story for _, story in pairs}),
            (PICTURE_ASSETS, {str(pair_key(style, story)) for style, story in pairs}),
        ]
        for assets, wanted in partitions:
            for asset in assets:
                self._made.read(asset, wanted)

    def of_model(self) -> list[AssetState]:
        """Return the state of the base model."""
        return [self._state("base_model", _Place(), partial(base_model_version, chosen_model()))]

    def of_style(self, style: str) -> list[AssetState]:
        """Return the states of a style's assets, parents first; raises UserError if its file is wrong."""
        spec = self._style(style)
        sources = {asset: partial(version, spec) for asset, version in STYLE_SOURCES.items()}
        return [self._state(asset, _Place(style=style), sources.get(asset)) for asset in STYLE_ASSETS]

    def of_story(self, story: str) -> list[AssetState]:
        """Return the states of a story's prompts, recipe and captions; raises UserError."""
        spec = self._story(story)
        sources = {asset: partial(version, spec) for asset, version in STORY_SOURCES.items()}
        return [self._state(asset, _Place(story=story), sources.get(asset)) for asset in STORY_ASSETS]

    def of_pictures(self, style: str, story: str) -> list[AssetState]:
        """Return the states of a story's panels and grid in a style."""
        return [self._state(asset, _Place(style, story), None) for asset in PICTURE_ASSETS]

    def last_change(self, asset: str, style: str | None, story: str | None, *, other_than: str = "") -> float:
        """Return when the asset or something it is made from was made last, but for the run `other_than`."""
        place = _Place(style, story)
        near = (asset, *(key.to_user_string() for key in self._nodes(asset).parent_keys))
        made = (self._made.latest(name, place.partition_of(name)) for name in near)
        return max((found.timestamp for found in made if found and found.run_id != other_than), default=0.0)

    def _state(self, asset: str, place: _Place, source: Callable[[], str] | None) -> AssetState:
        partition = place.partition_of(asset)
        made = self._made.latest(asset, partition)
        if made is None:
            return AssetState(asset, partition, "missing", ("never made",))
        file = self._folder(folder_name(asset), *place.folders()) / main_file(asset, draft=made.draft)
        if not file.exists():
            return AssetState(asset, partition, "missing", (f"{file} is gone",))
        causes = []
        if source is not None and made.source_version != source():
            causes.append(_SOURCE_CHANGED.get(asset, "the story file's prompt or character changed"))
        causes += self._changes_above(asset, place, made)
        return AssetState(asset, partition, "stale" if causes else "fresh", tuple(causes), made.draft)

    def _changes_above(self, asset: str, place: _Place, made: Made) -> Iterator[str]:
        """Yield what Dagster's UI says of the asset, in its words."""
        node = self._nodes(asset)
        parents = sorted(key.to_user_string() for key in node.parent_keys)
        if made.provenance is None:
            yield from self._later_parents(parents, place, made)
            return
        known = {key.to_user_string() for key in made.provenance.input_data_versions}
        if node.code_version and node.code_version != made.provenance.code_version:
            yield "has a new code version"
        yield from (f"removed dependency on {parent}" for parent in sorted(known - set(parents)))
        for parent in parents:
            if parent not in known:
                yield f"has a new dependency on {parent}"
            elif self._is_changed(parent, place.partition_of(parent), made.provenance):
                yield f"has a new dependency data version: {parent}"

    def _is_changed(self, parent: str, partition: str | None, provenance: dg.DataProvenance) -> bool:
        """Say whether the parent's data version is another than the one `provenance` speaks of.

        Of a partitioned parent, provenance holds the latest event of all its partitions; what counts is the
        version that this partition had then.
        """
        key, now = dg.AssetKey(parent), self._made.latest(parent, partition)
        if partition is None:
            return provenance.input_data_versions[key].value != (now.data_version if now else "NULL")
        seen = provenance.input_storage_ids[key]
        if now is None or (seen is not None and now.storage_id <= seen):
            return False
        return seen is None or self._made.version_at(parent, partition, seen) != now.data_version

    def _later_parents(self, parents: Sequence[str], place: _Place, made: Made) -> Iterator[str]:
        for parent in parents:
            now = self._made.latest(parent, place.partition_of(parent))
            if now is None:
                yield f"has a new input: {parent}"
            elif now.timestamp > made.timestamp:
                yield f"has a new dependency materialization: {parent}"
