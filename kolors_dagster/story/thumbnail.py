"""Small pictures for Dagster's UI, inside the metadata itself."""

import base64
import io

from PIL import Image


def thumbnail_data_uri(image: Image.Image, max_side: int = 256) -> str:
    """Return `image` as a WebP data URI, its longer side at most `max_side` pixels; never enlarged.

    It is meant for markdown metadata, `![panel 1](data:…)`, which Dagster keeps in its event log: 256 pixels
    of a drawing are some 10 KB.
    """
    small = image.convert("RGB")
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=80, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
