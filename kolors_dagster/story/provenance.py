"""Pictures that say how they were made: A1111's text for other tools, one JSON record for ours."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file
from kolors_dagster.story.a1111 import parameters_text
from kolors_dagster.story.recipe import PanelRecipe, recipe_key

RECORD = "kolors_dagster"
PIXELS = "pixels_sha256"
DRAFT = "draft"
_JPEG_COMMENT = 65_533  # bytes there is room for


def pixel_hash(image: Image.Image) -> str:
    """Return the sha256 hex digest of an image's mode, size and pixels: the same however it is encoded."""
    head = f"{image.mode} {image.width}x{image.height}\n"
    return hashlib.sha256(head.encode() + image.tobytes()).hexdigest()


def panel_record(recipe: PanelRecipe, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON record of one panel: its recipe, and the caller's `facts` about where it comes from.

    Facts are JSON values without clock times or absolute paths: story, style, training run, data version.
    """
    return {
        "recipe": asdict(recipe),
        "recipe_key": recipe_key(recipe),
        DRAFT: recipe.draft,
        **facts,
    }


def write_panel(path: Path, image: Image.Image, record: Mapping[str, Any]) -> Path:
    """Write one panel's PNG with its `panel_record`, to which the pixels' hash is added; returns `path`."""
    text = parameters_text(PanelRecipe(**record["recipe"]))
    return _write_png(path, image, record, {"parameters": text})


def composed_record(kind: Literal["grid", "page"], panels: Sequence[Path]) -> dict[str, Any]:
    """Return the JSON record of a grid or page: those of the panels in it, in order.

    It is a draft as soon as one of them is.
    """
    records = [read_record(panel) for panel in panels]
    return {"kind": kind, DRAFT: any(map(is_draft, records)), "panels": records}


def is_draft(record: Mapping[str, Any]) -> bool:
    """Say whether the picture that a record is of, panel, grid or page, is a draft."""
    return bool(record.get(DRAFT))


def panel_version(pixels_sha256: str, *, draft: bool) -> str:
    """Return the data version of a panel: its pixels' hash, and that it is a draft.

    A draft with the very pixels of the final picture is another thing still: what shows it has to say so.
    """
    return f"{pixels_sha256}-draft" if draft else pixels_sha256


def write_composed(path: Path, image: Image.Image, record: Mapping[str, Any]) -> Path:
    """Write a grid's or page's PNG with its `composed_record`; returns `path`."""
    return _write_png(path, image, record, {})


def jpeg_comment(image: Image.Image, record: Mapping[str, Any]) -> bytes:
    """Return `record` as a JPEG of `image` carries it; nothing where it is more than a JPEG has room for.

    The hash in it is of `image` itself, not of what the JPEG made of it.
    """
    comment = _to_json({RECORD: {**record, PIXELS: pixel_hash(image)}}).encode()
    return comment if len(comment) <= _JPEG_COMMENT else b""


def read_record(path: Path) -> dict[str, Any]:
    """Return the JSON record inside a PNG of ours; raises UserError if there is none."""
    return read_picture(path)[1]


def read_picture(path: Path) -> tuple[Image.Image, dict[str, Any]]:
    """Return a PNG's picture and record after checking one against the other; raises UserError.

    A file that was cut short, repainted or saved again by a tool that keeps no record is refused.
    """
    again = "draw it again: delete the file and materialize its asset"
    try:
        with Image.open(path) as image:
            image.load()
            text = image.text.get(RECORD) if isinstance(image, PngImageFile) else None
            picture = image.copy()
    except FileNotFoundError:
        raise UserError(f"{path}: no such picture", "materialize its asset first") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: damaged: {error}", again) from None
    if text is None:
        raise UserError(f"{path}: carries no record of how it was made", again)
    try:
        record = json.loads(text)
    except ValueError:
        raise UserError(f"{path}: its record is not JSON", again) from None
    if not isinstance(record, dict) or record.get(PIXELS) != pixel_hash(picture):
        raise UserError(f"{path}: its pixels are not the ones its record speaks of", again)
    picture.info.clear()
    return picture, record


def peek_record(path: Path) -> dict[str, Any] | None:
    """Return the JSON record inside a PNG without decoding the picture or checking one against the other."""
    try:
        with Image.open(path) as image:
            record = json.loads(image.info[RECORD])
    except (OSError, SyntaxError, ValueError, KeyError):
        return None
    return record if isinstance(record, dict) else None


def read_any_record(path: Path) -> dict[str, Any]:
    """Return the JSON record of a PNG, checked against its pixels, or of a JPEG, where there is no checking.

    Raises UserError if there is none.
    """
    try:
        with Image.open(path) as image:
            comment = image.info.get("comment") if isinstance(image, JpegImageFile) else None
        record = json.loads(comment)[RECORD] if comment else None
    except (OSError, SyntaxError, ValueError, KeyError, TypeError):
        record = None
    return record if isinstance(record, dict) else read_record(path)


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _write_png(path: Path, image: Image.Image, record: Mapping[str, Any], texts: Mapping[str, str]) -> Path:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)  # Latin-1 as tEXt, all else as iTXt in UTF-8
    whole = {**record, PIXELS: pixel_hash(image)}
    info.add_itxt(RECORD, _to_json(whole))
    with write_whole_file(path) as aside:
        image.save(aside, format="PNG", pnginfo=info)
    return path
