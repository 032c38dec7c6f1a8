"""What is out of date at one moment, what of it waits for a schedule, and what has failed too often."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg

from kolors_dagster.defs.automation.tries import FailedRuns, Tries, makes
from kolors_dagster.defs.freshness import AssetState, Freshness, is_only_source_new
from kolors_dagster.defs.keys import MODEL_ASSETS, PICTURE_ASSETS, STORY_ASSETS, STYLE_ASSETS
from kolors_dagster.defs.partitions import split_pair
from kolors_dagster.defs.plan import split_wave
from kolors_dagster.defs.sources import STYLE_SOURCES, read_style, source_changed_at
from kolors_dagster.defs.targets import drawn_pairs
from kolors_dagster.errors import UserError
from kolors_dagster.specs import ModelScopeSource, StyleSpec
from kolors_dagster.specs.schedule import next_time

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_UNFINISHED = [status for status in dg.DagsterRunStatus if status not in _ENDED]


class Outlook:
    """Answers for one moment; what belongs to a file that cannot be read is left alone."""

    def __init__(self, instance: dg.DagsterInstance, graph: "BaseAssetGraph[Any]") -> None:
        self._instance = instance
        self._graph = graph
        # Read before all else: what is made while we look is either seen as made or seen as being made.
        self._at_work = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
        self._fresh = Freshness(instance, graph)
        keys = graph.materializable_asset_keys
        versions = {key.to_user_string(): graph.get(key).code_version for key in keys}
        self._failed = FailedRuns(instance, versions)
        self._styles = instance.get_dynamic_partitions("style")
        self._style = cache(_read_style)
        self._first = cache(self._find_first)
        self._new_sources = cache(self._find_new_sources)
        self._read_ahead = cache(lambda: self._fresh.read_ahead(self._styles, drawn_pairs(instance)))

    def is_out_of_date(self, asset: str, partition: str | None) -> bool:
        """Say whether `asset` is to be made again and nothing that comes before it is.

        Of a style, only what follows from its data set, filters or recipe: reading these waits.
        """
        self._read_ahead()
        return asset in self._first(_group(asset), partition)

    def is_being_made(self, asset: str, partition: str | None) -> bool:
        """Say whether a run that has not ended, or not begun, makes `asset`."""
        return any(makes(run, asset, partition) for run in self._at_work)

    def is_source_new(self, asset: str, style: str) -> bool:
        """Say whether what `asset` reads from the style's images or file is new, or was never read.

        Whether a data set on a hub is new, only reading it tells; if it is not, nothing follows.
        """
        return asset in self._new_sources(style) or (asset == "raw_dataset" and self._is_remote(style))

    def has_new_images(self, style: str) -> bool:
        """Say whether a style's images were read, and are others now."""
        made = self._fresh.last_change("raw_dataset", style, None)
        return made > 0 and "raw_dataset" in self._new_sources(style)

    def schedule(self, style: str) -> str | None:
        """Return when a style is trained by itself; None for never."""
        spec = self._style(style)
        return spec.retrain if spec else None

    def say_when(self, style: str) -> str:
        """Return when a style is trained again, or how, for a person."""
        schedule = self.schedule(style)
        if schedule is None:
            return f"it has no `retrain:`; train it with `kolors-dagster train {style}`"
        return f"trained again at {next_time(schedule, datetime.now()):%Y-%m-%d %H:%M} ({schedule})"

    def explain(self, states: Iterable[AssetState]) -> list[str]:
        """Return what became of trying to make by itself what is out of date, a line for each asset."""
        lines = []
        for state in states:
            tries = self.tries(state.key, state.partition) if state.status != "fresh" else None
            if tries is not None:
                of = f" of {state.partition}" if state.partition else ""
                lines.append(f"{state.key}{of}: {tries.explain()}")
        return lines

    def tries(self, asset: str, partition: str | None) -> Tries | None:
        """Return the failed automatic tries with what `asset` is made from now; None if there are none."""
        runs = self._failed.find(asset, partition)
        if not runs:
            return None
        style, story = _style_and_story(asset, partition)
        outside = source_changed_at(asset, style, story)
        counted = [
            run
            for run in runs
            if run.create_timestamp.timestamp()
            > max(
                outside,
                self._fresh.last_change(asset, style, story, other_than=run.dagster_run.run_id),
            )
        ]
        return self._failed.describe(counted) if counted else None

    def _is_remote(self, style: str) -> bool:
        spec = self._style(style)
        return spec is not None and isinstance(spec.source, ModelScopeSource)

    def _find_first(self, group: tuple[str, ...], partition: str | None) -> frozenset[str]:
        first, _ = split_wave(_unless_broken(lambda: self._look(group, partition)), self._graph)
        # A panel waits for its words: drawn before them, it would be drawn twice.
        words = self._first(STORY_ASSETS, split_pair(partition or "")[1]) if group is PICTURE_ASSETS else ()
        return frozenset(state.key for state in first if not self._parents(state.key) & set(words))

    def _parents(self, asset: str) -> set[str]:
        return {key.to_user_string() for key in self._graph.get(dg.AssetKey(asset)).parent_keys}

    def _look(self, group: tuple[str, ...], partition: str | None) -> list[AssetState]:
        if partition is None:  # the base model is fetched once some style is to be trained by itself
            return self._fresh.of_model() if any(map(self.schedule, self._styles)) else []
        if group is STORY_ASSETS:
            return self._fresh.of_story(partition)
        if group is PICTURE_ASSETS:
            return self._fresh.of_pictures(*split_pair(partition))
        follows = [state for state in self._fresh.of_style(partition) if not _waits(state)]
        return follows if self.schedule(partition) else []

    def _find_new_sources(self, style: str) -> frozenset[str]:
        states = _unless_broken(lambda: self._fresh.of_style(style))
        return frozenset(state.key for state in states if _waits(state))


def _group(asset: str) -> tuple[str, ...]:
    return next(g for g in (MODEL_ASSETS, STYLE_ASSETS, STORY_ASSETS, PICTURE_ASSETS) if asset in g)


def _style_and_story(asset: str, partition: str | None) -> tuple[str | None, str | None]:
    if partition is None:
        return None, None
    if asset in PICTURE_ASSETS:
        return split_pair(partition)
    return (partition, None) if asset in STYLE_ASSETS else (None, partition)


def _waits(state: AssetState) -> bool:
    return state.key in STYLE_SOURCES and is_only_source_new(state)


def _unless_broken(look: Callable[[], list[AssetState]]) -> list[AssetState]:
    try:
        return look()
    except UserError:
        return []  # the sensor that reads the files says what is wrong


def _read_style(style: str) -> StyleSpec | None:
    try:
        return read_style(style)
    except UserError:
        return None
