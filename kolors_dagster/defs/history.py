"""The event log as a history: what was made when, in which run, and from what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (  # what of it Dagster writes down, without an API for it
    DATA_VERSION_TAG,
    INPUT_EVENT_POINTER_TAG_PREFIX,
)

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
    upstream: dict[str, int] = field(repr=False, hash=False)
    """Asset → storage id of the materialization it was made from."""

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
        self._at = lru_cache(maxsize=4096)(self._fetch_at)

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
        storage_id = made.upstream.get(asset)
        return self._at(asset, storage_id) if storage_id is not None else None

    def _fetch_at(self, asset: str, storage_id: int) -> Made | None:
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), storage_ids=[storage_id])
        records = self.instance.fetch_materializations(wanted, limit=1).records
        return _read(records[0]) if records else None


def _read(record: dg.EventLogRecord) -> Made:
    made = record.asset_materialization
    assert made is not None  # it is what was asked for
    tags = made.tags or {}
    pointers = f"{INPUT_EVENT_POINTER_TAG_PREFIX}/"
    return Made(
        asset=made.asset_key.to_user_string(),
        partition=made.partition,
        storage_id=record.storage_id,
        run_id=record.run_id,
        timestamp=record.timestamp,
        data_version=tags.get(DATA_VERSION_TAG),
        metadata={name: value.value for name, value in made.metadata.items()},
        upstream={
            name.removeprefix(pointers): int(value)
            for name, value in tags.items()
            if name.startswith(pointers) and value.isdigit()
        },
    )
