"""Pictures for the tests of the data set stages."""

from pathlib import Path

import numpy as np
from PIL import Image

from kolors_dagster.specs import FolderSource, StyleSpec


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth RGB picture, another one for each seed."""
    values = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


def folder_style(path: Path, **fields: object) -> StyleSpec:
    source = FolderSource(kind="folder", path=str(path))
    return StyleSpec(**{"name": "s", "trigger_words": "水墨画", "source": source, **fields})
