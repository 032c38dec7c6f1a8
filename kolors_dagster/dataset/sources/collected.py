"""What a source hands over."""

from dataclasses import dataclass
from pathlib import Path

from kolors_dagster.dataset.reports import Rejection


@dataclass(frozen=True)
class Found:
    """A file that should be a picture: its name in the source, where its bytes lie, its own caption."""

    source: str
    path: Path
    caption: str | None


@dataclass(frozen=True)
class Collected:
    """Everything a source has, in an order that is the same every time."""

    items: tuple[Found | Rejection, ...]
    ignored: int = 0
