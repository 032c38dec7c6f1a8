"""What a person sees of a materialization in Dagster's UI: pictures, tables, sizes, times."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import dagster as dg
from PIL import Image

from kolors_dagster.story.thumbnail import preview_data_uri, thumbnail_data_uri

Metadata = dict[str, Any]


def show_picture(name: str, image: Image.Image, max_side: int = 256) -> Metadata:
    """Return a picture for the UI, small enough for the event log: in place, and larger behind a click."""
    return {
        f"{name}_preview": dg.MetadataValue.md(f"![preview]({preview_data_uri(image)})"),
        name: dg.MetadataValue.md(f"![{name}]({thumbnail_data_uri(image, max_side)})"),
    }


def show_table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Return rows as a table for the UI."""
    if not rows:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, _column_type(value)) for name, value in rows[0].items()]),
    )


def _column_type(value: Any) -> str:
    return {int: "int", float: "float", bool: "bool"}.get(type(value), "string")


def show_size(path: Path) -> float:
    """Return the size of a file or a folder in MiB."""
    files = [path] if path.is_file() else [child for child in path.rglob("*") if child.is_file()]
    return round(sum(file.stat().st_size for file in files) / 2**20, 2)


def show_speed(images_per_second: float, milliseconds_per_step: float, peak_memory_mib: float) -> Metadata:
    """Return what the model's work cost, under the names that Dagster plots over time for every asset."""
    return {
        "images_per_second": round(images_per_second, 2),
        "milliseconds_per_step": round(milliseconds_per_step, 1),
        "peak_memory_mib": round(peak_memory_mib, 1),
    }


@contextmanager
def measure(metadata: Metadata) -> Iterator[None]:
    """Add to `metadata` how long the block took and the process's memory at its highest so far."""
    import resource
    import sys

    start = perf_counter()
    yield
    metadata["seconds"] = round(perf_counter() - start, 2)
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage's bytes or KiB
    metadata["peak_memory_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)
