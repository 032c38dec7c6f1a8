"""The eight panels as one picture: 2 columns × 4 rows, read left to right, top to bottom."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from kolors_dagster.files import write_whole_file
from kolors_dagster.specs import PANELS

CELL = 512
COLUMNS = 2
ROWS = PANELS // COLUMNS
_MARGIN = "white"


def compose_grid(panels: Sequence[Path]) -> Image.Image:
    """Return the grid, 1024 × 2048 pixels RGB, of eight panel files in reading order.

    A panel that is not square is shown whole between white margins: cropping would cut what the story
    shows, stretching would change it. Raises ValueError unless there are eight.
    """
    if len(panels) != PANELS:
        raise ValueError(f"a grid has {PANELS} panels, not {len(panels)}")
    grid = Image.new("RGB", (COLUMNS * CELL, ROWS * CELL), _MARGIN)
    for index, path in enumerate(panels):
        with Image.open(path) as panel:
            cell = ImageOps.pad(panel.convert("RGB"), (CELL, CELL), Image.Resampling.LANCZOS, _MARGIN)
        grid.paste(cell, (index % COLUMNS * CELL, index // COLUMNS * CELL))
    return grid


def write_jpeg(path: Path, image: Image.Image, comment: bytes = b"") -> Path:
    """Write `image` as a JPEG of quality 95, colours at full resolution; returns `path`."""
    with write_whole_file(path) as aside:
        # Not optimized: that saves 2 %, and Pillow fails at it where a noisy picture outgrows its buffer.
        image.save(aside, format="JPEG", quality=95, subsampling=0, comment=comment)
    return path
