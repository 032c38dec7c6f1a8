"""The first stage: from a style's source to clean pictures with captions."""

import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track

from kolors_dagster.dataset.captions import compose_caption
from kolors_dagster.dataset.hygiene import BadImage, clean_image
from kolors_dagster.dataset.jsonl import write_jsonl
from kolors_dagster.dataset.reports import RawImage, RawReport, Rejection, Row
from kolors_dagster.dataset.sources import Collected, Found
from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_folder
from kolors_dagster.hashing import hash_file, hash_json
from kolors_dagster.specs import EmbeddedSource, FolderSource, StyleSpec

METADATA = "metadata.jsonl"
REJECTS = "rejects.jsonl"
IMAGES = "images.jsonl"


def build_raw_dataset(style: StyleSpec, output: Path, data_root: Path) -> RawReport:
    """Fill `output` with `images/`, `metadata.jsonl` and `rejects.jsonl` from the style's source.

    Every file the source has is in exactly one of the two lists; `images.jsonl` says of each picture that was
    kept where it came from, and its hashes. Raises UserError if the source cannot be
    read or no picture is left; `output` is then as it was.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".source-", dir=output.parent) as work:
        collected = _collect(style, Path(work), data_root)
        with write_whole_folder(output) as folder:
            images, rejections = _clean_all(collected, style, folder)
            found, kept, rejected = len(collected.items), len(images), len(rejections)
            reasons = dict(sorted(Counter(rejection.reason for rejection in rejections).items()))
            if found != kept + rejected or len(list((folder / "images").iterdir())) != kept:
                raise UserError(
                    f"{found} found, but {kept} kept and {rejected} rejected",
                    "the counts must agree; please report this as a bug",
                )
            if not kept:
                raise UserError(
                    f"style {style.name}: none of {found} pictures can be used: {_list(reasons)}",
                    f"mend or replace the pictures; the first: {rejections[0].source}: {rejections[0].detail}"
                    if rejections
                    else "give the source at least one picture",
                )
            rows: list[Row] = [{"text": image.text, "image": [image.file]} for image in images]
            write_jsonl(folder / METADATA, rows)
            write_jsonl(folder / IMAGES, [asdict(image) for image in images])
            write_jsonl(folder / REJECTS, [rejection.as_row() for rejection in rejections])
    version = hash_json([[image.pixels_sha256, image.text] for image in images])
    return RawReport(found, kept, rejected, reasons, collected.ignored, tuple(images), version)


def _collect(style: StyleSpec, work: Path, data_root: Path) -> Collected:
    source = style.source
    if isinstance(source, EmbeddedSource):
        from kolors_dagster.dataset.sources.embedded import collect_embedded

        return collect_embedded(source, work)
    if isinstance(source, FolderSource):
        from kolors_dagster.dataset.sources.folder import collect_folder

        return collect_folder(source, data_root)
    from kolors_dagster.dataset.sources.hub import collect_hub

    return collect_hub(source, work)


def _clean_all(
    collected: Collected, style: StyleSpec, folder: Path
) -> tuple[list[RawImage], list[Rejection]]:
    (folder / "images").mkdir()
    images: dict[str, RawImage] = {}
    kept_bytes: dict[str, str] = {}
    rejections: list[Rejection] = []
    console = Console(stderr=True)
    for item in track(collected.items, "checking pictures", console=console, transient=True):
        if isinstance(item, Rejection):
            rejections.append(item)
            continue
        # A copy of a file, or a link to it, needs no second decoding.
        try:
            read = hash_file(item.path)
        except OSError as error:
            rejections.append(Rejection(item.source, "unreadable", str(error.strerror)))
            continue
        if read in kept_bytes:
            rejections.append(_duplicate(item, kept_bytes[read]))
            continue
        outcome = _clean_one(item, style, folder, images)
        if isinstance(outcome, Rejection):
            rejections.append(outcome)
        else:
            images[outcome.pixels_sha256] = outcome
            kept_bytes[read] = item.source
    return list(images.values()), rejections


def _clean_one(
    found: Found, style: StyleSpec, folder: Path, images: dict[str, RawImage]
) -> RawImage | Rejection:
    try:
        clean = clean_image(found.path, folder / "images")
    except BadImage as error:
        return Rejection(found.source, error.reason, error.detail)
    twin = images.get(clean.pixels_sha256)
    if twin:
        if clean.path.name != Path(twin.file).name:  # the same pixels as PNG and as JPEG
            clean.path.unlink()
        return _duplicate(found, twin.source)
    return RawImage(
        file=f"images/{clean.path.name}",
        sha256=hash_file(clean.path),
        pixels_sha256=clean.pixels_sha256,
        width=clean.width,
        height=clean.height,
        text=compose_caption(found.caption, style),
        source=found.source,
    )


def _duplicate(found: Found, of: str) -> Rejection:
    return Rejection(found.source, "duplicate", f"the same picture as {of}")


def _list(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items()) or "there are none"
