"""Files and folders that appear whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kolors_dagster.errors import UserError


@contextmanager
def write_whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it becomes `path`, on an error it is gone.

    The bytes are on the disk (fsync) before the rename, so a power cut leaves the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield aside
        _sync(aside)
        aside.replace(path)
        _sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def write_whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` to fill; on success it replaces `path`, on an error it is gone.

    A folder cannot be swapped in one step everywhere, so the old one waits as `.NAME.previous` between two
    renames; `restore_folder` brings it back if the process was killed between them.
    """
    restore_folder(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    previous = _previous(path)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        for child in aside.rglob("*"):
            _sync(child)
        if path.exists():
            path.replace(previous)
        aside.replace(path)
        _sync(path.parent)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole, readable by people and the same bytes for the same value."""
    with write_whole_file(path) as aside:
        aside.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file that `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def restore_folder(path: Path) -> None:
    """Undo a replacement of `path` that was cut short, so that the previous good output is back."""
    if not path.exists() and _previous(path).exists():
        _previous(path).replace(path)


def changed_at(path: Path) -> float:
    """Return when a file or folder was written, or put in its place; 0 if it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return 0.0
    return max(stat.st_mtime, stat.st_ctime)


def join_inside(root: Path, *parts: str) -> Path:
    """Join `parts` below `root`; raises UserError if the result would lie outside `root`."""
    joined = root.joinpath(*parts)
    if not joined.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"{'/'.join(parts)!r} points outside {root}", "use a plain name, without '..' or a leading '/'"
        )
    return joined


def _previous(path: Path) -> Path:
    return path.with_name(f".{path.name}.previous")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
