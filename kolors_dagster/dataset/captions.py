"""Captions: what a folder says about its pictures, and the trigger words in front of every one."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from kolors_dagster.dataset.jsonl import read_jsonl
from kolors_dagster.dataset.reports import Rejection
from kolors_dagster.errors import UserError
from kolors_dagster.specs import StyleSpec
from kolors_dagster.specs.trigger_words import put_in_front

METADATA_FILES = ("metadata.csv", "metadata.jsonl")


def compose_caption(own: str | None, style: StyleSpec) -> str:
    """Return a picture's caption: its own, else the style's, behind the trigger words unless it has them."""
    caption = " ".join((own or style.caption or "").split())
    return put_in_front(style.trigger_words, caption)


@dataclass
class FolderCaptions:
    """The captions in a folder's metadata files: picture → the captions given, each with its place."""

    named: dict[Path, list[tuple[str, str]]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


def read_metadata(file: Path, root: Path, captions: FolderCaptions) -> None:
    """Add the captions of a `metadata.csv` or `metadata.jsonl`; each `file_name` is relative to its folder.

    A row that names no file inside `root` becomes a rejection; raises UserError for an unreadable file.
    """
    for number, row in _rows(file):
        name, text = row.get("file_name"), row.get("text")
        where = f"{file.relative_to(root).as_posix()}:{number}"
        if not isinstance(name, str) or not name or not isinstance(text, str):
            missing = "file_name" if not isinstance(name, str) or not name else "text"
            raise UserError(f"{file}:{number}: no `{missing}`", "give every row a file_name and a text")
        picture = file.parent / name
        source = picture.relative_to(root).as_posix() if picture.is_relative_to(root) else name
        if not picture.resolve().is_relative_to(root.resolve()):
            captions.rejections.append(
                Rejection(source, "outside_folder", f"{where} points outside the folder")
            )
        elif not picture.is_file():
            captions.rejections.append(
                Rejection(source, "missing_file", f"{where} names it; there is no such file")
            )
        elif text.strip():
            captions.named.setdefault(picture.resolve(), []).append((where, text.strip()))


def caption_of(picture: Path, root: Path, captions: FolderCaptions) -> str | None:
    """Return a picture's own caption, from a `.txt` beside it or a metadata file; None if it has none.

    Raises ValueError with a sentence if two captions differ or the `.txt` is not UTF-8.
    """
    given = list(captions.named.get(picture.resolve(), []))
    beside = picture.with_suffix(".txt")
    if beside.is_file():
        try:
            text = beside.read_text(encoding="utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise ValueError(f"{beside.name} is not UTF-8 (byte {error.start})") from None
        if text:
            given.append((beside.relative_to(root).as_posix(), text))
    if len({" ".join(text.split()) for _, text in given}) > 1:
        raise ValueError("different captions in " + " and ".join(where for where, _ in given))
    return given[0][1] if given else None


def _rows(file: Path) -> list[tuple[int, dict[str, object]]]:
    """Return a metadata file's rows, each with its line (the first after the heading is 2 in a CSV)."""
    if file.suffix == ".jsonl":
        return [(number, dict(row)) for number, row in enumerate(read_jsonl(file), 1)]
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 (byte {error.start})", "save the file as UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        have = reader.fieldnames or []
        rows = [(reader.line_num, dict(row)) for row in reader]
    except csv.Error as error:
        raise UserError(f"{file}:{reader.line_num}: not valid CSV: {error}", "mend that line") from None
    if "file_name" not in have or "text" not in have:
        raise UserError(
            f"{file}:1: columns are {', '.join(have) or 'none'}", "the first line must be `file_name,text`"
        )
    return rows
