"""Where a style's pictures come from, one source a file; every source hands out the same plain records."""

from kolors_dagster.dataset.sources.collected import Collected, Found

__all__ = ["Collected", "Found"]
