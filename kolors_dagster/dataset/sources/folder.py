"""Pictures from a folder on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from kolors_dagster.dataset.captions import METADATA_FILES, FolderCaptions, caption_of, read_metadata
from kolors_dagster.dataset.reports import Rejection
from kolors_dagster.dataset.sources.collected import Collected, Found
from kolors_dagster.errors import UserError
from kolors_dagster.specs import FolderSource

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")


def collect_folder(source: FolderSource, data_root: Path) -> Collected:
    """Find a folder's pictures and their captions, by relative path; raises UserError if it cannot be read.

    Hidden files and folders are as good as not there. Links are followed only where they stay inside the
    folder, so that a downloaded folder cannot make its reader pick up private files.
    """
    root = resolve_folder(source, data_root)
    pictures: list[Path] = []
    captions = FolderCaptions()
    ignored = 0
    for file in walk_folder(root, source.recursive):
        if file.name in METADATA_FILES:
            read_metadata(file, root, captions)
        elif file.suffix.lower() in IMAGE_SUFFIXES:
            pictures.append(file)
        elif file.suffix.lower() != ".txt":
            ignored += 1
    items: dict[str, Found | Rejection] = {item.source: item for item in captions.rejections}
    items |= {item.source: item for item in _named_in_vain(root, pictures, captions)}
    items |= {item.source: item for item in (_look_at(file, root, captions) for file in pictures)}
    if not items:
        raise UserError(
            f"{root}: no picture in it ({ignored} other files)",
            f"put {', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)} files there, or change `source.path`",
        )
    return Collected(tuple(items[name] for name in sorted(items)), ignored)


def resolve_folder(source: FolderSource, data_root: Path) -> Path:
    """Return the folder a spec means: absolute, from `~`, or relative to the data root; raises UserError."""
    root = data_root / Path(source.path).expanduser()
    if not root.is_dir():
        problem = "is a file, not a folder" if root.exists() else "no such folder"
        raise UserError(
            f"source.path: {root}: {problem}",
            f"create it, or change `path: {source.path}` in the style file"
            " (absolute, starting with ~, or relative to the data root)",
        )
    return root


def walk_folder(root: Path, recursive: bool) -> Iterator[Path]:
    """Yield the files below `root` that are not hidden; folders that are links are not entered."""

    def fail(error: OSError) -> None:
        raise UserError(
            f"{error.filename}: cannot be read: {error.strerror}", "mend its permissions"
        ) from None

    for folder, below, names in os.walk(root, onerror=fail):
        below[:] = sorted(name for name in below if not name.startswith(".")) if recursive else []
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _named_in_vain(root: Path, pictures: list[Path], captions: FolderCaptions) -> Iterator[Rejection]:
    for file in captions.named.keys() - {picture.resolve() for picture in pictures}:
        where = captions.named[file][0][0]
        yield Rejection(
            file.relative_to(root.resolve()).as_posix(),
            "not_collected",
            f"{where} names it, but it is hidden, no picture, or in a folder below with `recursive: false`",
        )


def _look_at(file: Path, root: Path, captions: FolderCaptions) -> Found | Rejection:
    name = file.relative_to(root).as_posix()
    if file.is_symlink() and not file.exists():
        return Rejection(name, "missing_file", "a link to a file that is not there")
    if not file.resolve().is_relative_to(root.resolve()):
        return Rejection(name, "outside_folder", "a link to a file outside the folder")
    try:
        return Found(name, file, caption_of(file, root, captions))
    except ValueError as error:
        return Rejection(name, "caption", str(error))
