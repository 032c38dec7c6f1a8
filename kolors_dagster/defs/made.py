"""What the event log says was made last, read for many partitions at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import dagster as dg

from kolors_dagster.defs.sources import SOURCE_VERSION
from kolors_dagster.story.provenance import DRAFT

DATA_VERSION = "dagster/data_version"  # the tag Dagster keeps an event's data version in
_EVENTS_AT_A_TIME = 500  # an event holds thumbnails, 50 KB and more

Partition = str | None


@dataclass(frozen=True)
class Made:
    """The latest materialization of one partition; `source_version` is None if the asset reads no file.

    `draft`: it is a draft's picture, or the recipe of one.
    `provenance` is None for an event that a person reported without having Dagster run anything.
    """

    storage_id: int
    run_id: str
    timestamp: float
    data_version: str | None
    provenance: dg.DataProvenance | None
    source_version: str | None
    draft: bool


# What was described last in this process: the daemon looks every few seconds, and events never change.
_described: dict[tuple[str, str], dict[str, Made]] = {}  # (its folder, asset) → partition → its latest


class MadeAssets:
    """The latest materializations on `instance`; what was read once is not read again."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._latest: dict[tuple[str, Partition], Made | None] = {}
        self._earlier: dict[tuple[str, Partition, int], str | None] = {}

    def read(self, asset: str, partitions: Iterable[str]) -> None:
        """Read the latest materializations of many partitions of one asset, in two queries."""
        wanted, key = set(partitions), dg.AssetKey(asset)
        if len(wanted) < 2:
            for partition in wanted:
                self.latest(asset, partition)
            return
        ids = self._instance.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, wanted
        )
        known = _described.setdefault((self._instance.root_directory, asset), {})
        new = [
            i for partition, i in ids.items() if partition not in known or known[partition].storage_id != i
        ]
        for some in _batched(sorted(new), _EVENTS_AT_A_TIME):
            found = dg.AssetRecordsFilter(key, storage_ids=some)
            for record in self._instance.fetch_materializations(found, limit=len(some)).records:
                known[record.partition_key or ""] = _describe(record)
        self._latest |= {
            (asset, partition): known.get(partition) if partition in ids else None for partition in wanted
        }

    def latest(self, asset: str, partition: Partition) -> Made | None:
        """Return the latest materialization, or None if there never was one."""
        if (asset, partition) not in self._latest:
            self._latest[asset, partition] = self._find_last(_filter(asset, partition))
        return self._latest[asset, partition]

    def version_at(self, asset: str, partition: Partition, storage_id: int) -> str | None:
        """Return the data version that was the latest when event `storage_id` was; None if there was none."""
        if (asset, partition, storage_id) not in self._earlier:
            found = self._find_last(_filter(asset, partition, before_storage_id=storage_id + 1))
            self._earlier[asset, partition, storage_id] = found.data_version if found else None
        return self._earlier[asset, partition, storage_id]

    def _find_last(self, wanted: dg.AssetRecordsFilter) -> Made | None:
        records = self._instance.fetch_materializations(wanted, limit=1).records
        return _describe(records[0]) if records else None


def _filter(asset: str, partition: Partition, before_storage_id: int | None = None) -> dg.AssetRecordsFilter:
    partitions = None if partition is None else [partition]
    return dg.AssetRecordsFilter(dg.AssetKey(asset), partitions, before_storage_id=before_storage_id)


def _describe(record: dg.EventLogRecord) -> Made:
    made = record.asset_materialization
    assert made is not None  # only materializations are asked for
    tags = made.tags or {}
    source, draft = made.metadata.get(SOURCE_VERSION), made.metadata.get(DRAFT)
    return Made(
        storage_id=record.storage_id,
        run_id=record.run_id,
        timestamp=record.timestamp,
        data_version=tags.get(DATA_VERSION),
        provenance=dg.DataProvenance.from_tags(tags),
        source_version=None if source is None else str(source.value),
        draft=draft is not None and draft.value is True,
    )


def _batched(ids: Sequence[int], size: int) -> Iterator[list[int]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some
