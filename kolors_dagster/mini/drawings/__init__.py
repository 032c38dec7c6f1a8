"""Drawings: scenes drawn by this project's own code, in a plain style and four others."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kolors_dagster.mini.drawings.image_set import DrawnImage

# Part of every data version made of drawings: raise it whenever the same seed gives another picture.
DRAWING_VERSION = "5"


def draw_style_images(drawing: str, output: Path, count: int, seed: int) -> "list[DrawnImage]":
    """Draw a style's images (see `image_set.draw_style_images`); importing this module stays cheap."""
    from kolors_dagster.mini.drawings.image_set import draw_style_images as draw

    return draw(drawing, output, count, seed)
