"""Whether a style's source has changed, without reading a picture or asking a server."""

from pathlib import Path
from typing import Any

from kolors_dagster import mini
from kolors_dagster.dataset.captions import METADATA_FILES
from kolors_dagster.dataset.sources.folder import IMAGE_SUFFIXES, resolve_folder, walk_folder
from kolors_dagster.errors import UserError
from kolors_dagster.files import changed_at
from kolors_dagster.hashing import hash_file, hash_json
from kolors_dagster.specs import EmbeddedSource, FolderSource, StyleSpec


def describe_source_state(style: StyleSpec, data_root: Path) -> str:
    """Return a hash that changes when the source would likely give other pictures or captions.

    Of a folder it sees names, sizes and times of pictures and captions; of the project's own drawings the
    code that draws; of a hub only the spec.
    """
    source = style.source
    state: dict[str, Any] = {"source": source.model_dump()}
    if isinstance(source, FolderSource):
        state["files"] = _list_files(source, data_root)
    if isinstance(source, EmbeddedSource):
        drawings = Path(mini.__file__).parent / "drawings"
        state["code"] = {
            file.relative_to(drawings).as_posix(): hash_file(file) for file in drawings.rglob("*.py")
        }
    return hash_json(state)


def newest_change(style: StyleSpec, data_root: Path) -> float:
    """Return when a style's folder of pictures, or anything in it, was changed; 0 for other sources."""
    if not isinstance(style.source, FolderSource):
        return 0.0
    root = data_root / Path(style.source.path).expanduser()
    return max((changed_at(path) for path in (root, *root.rglob("*"))), default=0.0)


def _list_files(source: FolderSource, data_root: Path) -> list[tuple[str, int, int]]:
    try:
        root = resolve_folder(source, data_root)
    except UserError:
        return []  # a folder that went away is a change; the next run says what to do about it
    listed = []
    for file in walk_folder(root, source.recursive):
        told = file.name in METADATA_FILES or file.suffix.lower() in (*IMAGE_SUFFIXES, ".txt")
        if told and file.exists():
            stat = file.stat()
            listed.append((file.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns))
    return sorted(listed)
