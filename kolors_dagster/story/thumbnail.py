"""Small pictures for Dagster's UI, inside the metadata itself."""

import base64
import io

from PIL import Image

_PREVIEW_LARGEST, _PREVIEW_STEP = 192, 8  # pixels


def thumbnail_data_uri(image: Image.Image, max_side: int = 256) -> str:
    """Return `image` as a WebP data URI, its longer side at most `max_side` pixels; never enlarged.

    It is meant for markdown metadata, `![panel 1](data:…)`, which Dagster keeps in its event log: 256 pixels
    of a drawing are some 10 KB.
    """
    return _encode(image, max_side, quality=80)


def preview_data_uri(image: Image.Image, max_length: int = 980) -> str:
    """Return `image` as the largest WebP data URI of at most `max_length` characters.

    Dagster's UI shows markdown of less than 1,000 characters in place, and longer ones behind a click.
    """
    sides = range(_PREVIEW_LARGEST, 0, -_PREVIEW_STEP)
    return next(uri for side in sides if len(uri := _encode(image, side, quality=20)) <= max_length)


def _encode(image: Image.Image, max_side: int, quality: int) -> str:
    small = image.convert("RGB")
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=quality, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
