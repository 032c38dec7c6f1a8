"""Whether a data set is all there: every row has its picture, every picture its row, and the counts agree.

The stages see to this when they write; these measure what lies there now, after disks, syncs and people.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from rich.console import Console
from rich.progress import track

from kolors_dagster.dataset.export import count_rows
from kolors_dagster.dataset.filtering import RESULT
from kolors_dagster.dataset.jsonl import read_jsonl
from kolors_dagster.dataset.raw import METADATA, REJECTS

_SHOWN = 5  # names in a message
# Three is the fewest pictures that a subject was ever taught with (DreamBooth, arXiv 2208.12242: 3 to 5).
FEWEST_IMAGES = 3
# With fewer, a LoRA of a style repeats their subjects; guides for style LoRAs ask for 10 to 20 and more.
FEW_IMAGES = 10


@dataclass(frozen=True)
class FilesReport:
    """What was found of a stage's files; `problems` is empty if it is whole."""

    rows: int
    rejected: int | None = None
    missing: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    without_row: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()

    @property
    def numbers(self) -> dict[str, int]:
        """Return how many of each there are."""
        names = {"missing": self.missing, "unreadable": self.unreadable, "without_row": self.without_row}
        counted = {"rows": self.rows, **{what: len(found) for what, found in names.items()}}
        return counted if self.rejected is None else counted | {"rejected": self.rejected}

    @property
    def problems(self) -> list[str]:
        """Return what is wrong, a sentence for each kind."""
        found = [
            f"{len(names)} {what}: {_list(names)}"
            for names, what in (
                (self.missing, "rows name a picture that is not there"),
                (self.unreadable, "pictures cannot be read"),
                (self.without_row, "pictures have no row"),
            )
            if names
        ]
        return [*found, *self.counts]


def inspect_raw(raw: Path) -> FilesReport:
    """Look at `metadata.jsonl`, `images/` and `rejects.jsonl` of the raw data set."""
    names = [row["image"][0] for row in read_jsonl(raw / METADATA)]
    have = [f"images/{path.name}" for path in (raw / "images").glob("*")]
    missing, unreadable = _read_pictures(raw, names)
    return FilesReport(
        rows=len(names),
        rejected=len(read_jsonl(raw / REJECTS)),
        missing=missing,
        unreadable=unreadable,
        without_row=tuple(sorted(set(have) - set(names))),
    )


def inspect_filtered(raw: Path, filtered: Path) -> FilesReport:
    """Look at `result.jsonl` and `rejects.jsonl` of the filters against the raw data set they were run on."""
    names = [row["image"][0] for row in read_jsonl(filtered / RESULT)]
    total, rejected = len(read_jsonl(raw / METADATA)), len(read_jsonl(filtered / REJECTS))
    counts: tuple[str, ...] = ()
    if total != len(names) + rejected:
        counts = (f"{total} rows came in, but {len(names)} are kept and {rejected} rejected",)
    missing = tuple(name for name in names if not (raw / name).is_file())
    return FilesReport(rows=len(names), rejected=rejected, missing=missing, counts=counts)


def inspect_processed(filtered: Path, processed: Path) -> FilesReport:
    """Look at `train/` and its `metadata.csv` against the rows that passed the filters."""
    train = processed / "train"
    names = [str(name) for name in pd.read_csv(train / "metadata.csv", encoding="utf-8-sig")["file_name"]]
    kept = count_rows(filtered)
    counts = () if kept == len(names) else (f"{kept} rows passed the filters, but {len(names)} are here",)
    missing, unreadable = _read_pictures(train, names)
    have = [path.name for path in train.glob("*") if path.suffix != ".csv"]
    return FilesReport(
        rows=len(names),
        missing=missing,
        unreadable=unreadable,
        without_row=tuple(sorted(set(have) - set(names))),
        counts=counts,
    )


def find_too_few(images: int) -> list[str]:
    """Return what is wrong if there are too few pictures to train on at all."""
    if images >= FEWEST_IMAGES:
        return []
    return [f"{images} pictures are left to train on; a LoRA needs {FEWEST_IMAGES} at the very least"]


def _read_pictures(folder: Path, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names without a file, and those whose file is no whole picture."""
    missing, unreadable = [], []
    for name in _with_bar(names):
        path = folder / name
        if not path.is_file():
            missing.append(name)
            continue
        try:
            with Image.open(path) as image:
                _read(image)
        except (OSError, SyntaxError, ValueError):
            unreadable.append(name)
    return tuple(missing), tuple(unreadable)


def _read(image: Image.Image) -> None:
    """Read a picture's file to its end without computing every pixel; raises OSError or SyntaxError."""
    if image.format == "JPEG":
        image.draft("RGB", (1, 1))
        image.load()
    else:
        image.verify()  # a PNG's checksums


def _with_bar(names: Sequence[str]) -> Iterable[Any]:
    return track(names, "reading pictures", console=Console(stderr=True), transient=True)


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
