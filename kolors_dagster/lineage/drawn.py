"""The other way: from a LoRA to the pictures on disk that it drew, and from an image to its LoRAs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kolors_dagster.dataset.hygiene import BadImage, hash_clean_pixels
from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_file
from kolors_dagster.lineage.lora_store import LoraStore, StoredLora, check_prefix
from kolors_dagster.story.provenance import is_draft, peek_record

_HASHES = ("sha256", "raw_sha256", "pixels_sha256")


@dataclass(frozen=True)
class Drawn:
    """One panel, by the record in a picture: its own, or the grid or page it is in."""

    path: Path
    style: str
    story: str
    number: int
    lora_sha256: str
    recipe_key: str
    draft: bool
    texts: tuple[str, str]
    """Its prompt and its negative prompt."""


def list_drawn(folder: Path) -> Iterator[Drawn]:
    """Yield the panels in the PNGs anywhere below a folder; what is no picture of ours is passed over."""
    for path in sorted(folder.rglob("[!.]*.png")):
        record = peek_record(path) or {}
        try:
            yield from [_read_panel(path, panel) for panel in record.get("panels", [record])]
        except (KeyError, TypeError):
            continue


def _read_panel(path: Path, record: dict[str, Any]) -> Drawn:
    recipe = record["recipe"]
    return Drawn(
        path,
        style=record["style"],
        story=record["story"],
        number=recipe["number"],
        lora_sha256=recipe["lora_sha256"],
        recipe_key=record["recipe_key"],
        draft=is_draft(record),
        texts=(recipe["prompt"], recipe["negative_prompt"]),
    )


def image_hashes(image: str) -> set[str]:
    """Return the hashes to look for: the one given, or a file's, of its bytes and of its pixels.

    Raises UserError for what is neither a file nor the beginning of a hash.
    """
    path = Path(image).expanduser()
    if path.is_file():
        hashes = {hash_file(path)}
        try:
            hashes.add(hash_clean_pixels(path))
        except BadImage as error:
            raise UserError(f"{path}: {error.detail}", "give a picture that can be read") from None
        return hashes
    try:
        return {check_prefix(image)}
    except UserError:
        raise UserError(
            f"{image}: no such file, and not the beginning of a sha256",
            "give a picture's path, or 4 to 64 digits of its hash",
        ) from None


def find_trained_on(hashes: set[str]) -> list[tuple[StoredLora, dict[str, Any]]]:
    """Return the LoRAs, newest first, whose data set had an image with one of these hashes, and the image.

    Raises UserError if the beginning of a hash is that of several pictures.
    """
    found = [
        (lora, image)
        for lora in LoraStore().list()
        for image in lora.manifest["dataset"].get("images", [])
        if any(image[name].startswith(wanted) for name in _HASHES for wanted in hashes)
    ]
    pictures = {image["pixels_sha256"]: image["source"] for _, image in found}
    if len(pictures) > 1:
        told = ", ".join(f"{sha256[:12]} ({source})" for sha256, source in list(pictures.items())[:8])
        raise UserError(
            f"{min(hashes)}: {len(pictures)} pictures begin so: {told}", "give more digits of one"
        )
    return found
