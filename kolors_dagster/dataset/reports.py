"""What each dataset stage hands to the asset that ran it; plain records that cost nothing to import."""

from dataclasses import dataclass
from typing import Any, TypedDict


class Row(TypedDict):
    """One line of `metadata.jsonl` and `result.jsonl`: a caption and its one picture."""

    text: str
    image: list[str]  # one path, relative to the raw folder


@dataclass(frozen=True)
class RawImage:
    """One picture that was kept, and where it came from."""

    file: str  # relative to the raw folder
    sha256: str  # of the file's bytes
    pixels_sha256: str  # of its size and RGB values, the same whatever encoder wrote them
    width: int
    height: int
    text: str
    source: str  # its name in the source


@dataclass(frozen=True)
class RawReport:
    """What `build_raw_dataset` made; found == kept + rejected."""

    found: int
    kept: int
    rejected: int
    reasons: dict[str, int]  # reason code → how many were rejected for it
    ignored: int  # files in the source that are neither pictures nor captions
    images: tuple[RawImage, ...]
    data_version: str


@dataclass(frozen=True)
class FilterReport:
    """What `filter_dataset` made; total == kept + rejected."""

    total: int
    kept: int
    rejected: int
    funnel: tuple[tuple[str, int, int], ...]  # (operator, rows in, rows out), in order
    data_version: str


@dataclass(frozen=True)
class ExportReport:
    """What `export_dataset` made."""

    images: int
    data_version: str


@dataclass(frozen=True)
class Rejection:
    """One picture that was left out of the raw data set, and why."""

    source: str
    reason: str  # a short code, the same for every picture left out for it
    detail: str

    def as_row(self) -> dict[str, Any]:
        """Return its line of `rejects.jsonl`."""
        return {"source": self.source, "reason": self.reason, "detail": self.detail}
