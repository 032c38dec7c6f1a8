"""The event log as a history: what was made when, in which run, and from what.

Dagster's `dagster/input_event_pointer/*` tags look made for this, but point to the newest event of the asset
in any partition. `dagster/input_data_version/*` is of the right partition, so that is what is followed here.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (  # what of it Dagster writes down, without an API for it
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
)

from kolors_dagster.defs.keys import MODEL_ASSETS, PICTURE_ASSETS, STORY_ASSETS

_PAGE = 200


@dataclass(frozen=True)
class Made:
    """One materialization."""

    asset: str
    partition: str | None
    storage_id: int
    run_id: str
    timestamp: float
    data_version: str | None
    metadata: dict[str, Any] = field(repr=False, hash=False)
    inputs: dict[str, str] = field(repr=False, hash=False)
    """Asset → data version it was made from, as Dagster notes it: hashed, where the asset is partitioned."""

    @property
    def when(self) -> str:
        """ISO 8601, UTC, to the second."""
        return format_time(self.timestamp)


def format_time(timestamp: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class History:
    """Reads one instance's event log; remembers what it was asked for, so make a new one after a run."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._source = lru_cache(maxsize=4096)(self._find_source)

    def newest(self, asset: str, partition: str | None) -> Made | None:
        """Return the last materialization of an asset's partition."""
        return next(self.all(asset, [partition] if partition else None, page=1), None)

    def find(self, asset: str, partition: str, data_version: str) -> Made | None:
        """Return the last materialization of an asset's partition that came out as `data_version`."""
        return next(
            (made for made in self.all(asset, [partition]) if made.data_version == data_version), None
        )

    def all(self, asset: str, partitions: Sequence[str] | None, page: int = _PAGE) -> Iterator[Made]:
        """Yield the materializations of an asset's partitions, the newest first."""
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=partitions)
        cursor, more = None, True
        while more:
            result = self.instance.fetch_materializations(wanted, limit=page, cursor=cursor)
            yield from map(_read, result.records)
            cursor, more = result.cursor, result.has_more

    def partitions(self, asset: str) -> list[str]:
        """Return the partitions of an asset that were ever made, removed ones among them."""
        return sorted(self.instance.get_materialized_partitions(dg.AssetKey(asset)))

    def source(self, made: Made, asset: str) -> Made | None:
        """Return the very materialization of `asset` that `made` was made from."""
        version = made.inputs.get(asset)
        return self._source(asset, made.partition, version, made.storage_id) if version else None

    def _find_source(self, asset: str, partition: str | None, version: str, before: int) -> Made | None:
        for made in self.all(asset, _partitions_above(asset, partition)):
            if made.storage_id < before and version in (made.data_version, _hash(made.data_version)):
                return made
        return None


def _partitions_above(asset: str, partition: str | None) -> list[str] | None:
    """Return the partition of `asset` that something in `partition` is made from."""
    if partition is None or asset in MODEL_ASSETS:
        return None
    story, _, style = partition.partition("|")  # Dagster writes a pair's dimensions in alphabetical order
    if not style or asset in PICTURE_ASSETS:
        return [partition]
    return [story if asset in STORY_ASSETS else style]


def _hash(data_version: str | None) -> str:
    """Return what Dagster notes as the data version of the one partition that an input consists of."""
    return hashlib.sha256((data_version or "").encode()).hexdigest()


def _read(record: dg.EventLogRecord) -> Made:
    made = record.asset_materialization
    assert made is not None  # it is what was asked for
    tags = made.tags or {}
    inputs = f"{INPUT_DATA_VERSION_TAG_PREFIX}/"
    return Made(
        asset=made.asset_key.to_user_string(),
        partition=made.partition,
        storage_id=record.storage_id,
        run_id=record.run_id,
        timestamp=record.timestamp,
        data_version=tags.get(DATA_VERSION_TAG),
        metadata={name: value.value for name, value in made.metadata.items()},
        inputs={name.removeprefix(inputs): value for name, value in tags.items() if name.startswith(inputs)},
    )
