"""Whether a picture shows anything: measuring, and deciding on what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kolors_dagster.specs import PANELS
from kolors_dagster.story.grid import CELL, COLUMNS, ROWS

# Levels of 255. A picture of one colour has none; a night sky with one star, or the faintest ink wash, has
# several times this much.
_BLANK_BELOW = 1.0


@dataclass(frozen=True)
class PictureMeasures:
    """Size in pixels; in levels of 255: the largest standard deviation of a channel, and the range."""

    width: int
    height: int
    spread: float
    darkest: int
    lightest: int


def measure_picture(image: Image.Image) -> PictureMeasures:
    """Measure a picture, of any mode, as RGB."""
    pixels = np.asarray(image.convert("RGB"))
    return PictureMeasures(
        width=image.width,
        height=image.height,
        spread=round(float(pixels.std(axis=(0, 1)).max()), 2),
        darkest=int(pixels.min()),
        lightest=int(pixels.max()),
    )


def measure_file(path: Path) -> PictureMeasures:
    """Measure a picture file."""
    with Image.open(path) as image:
        return measure_picture(image)


def find_faults(picture: PictureMeasures, width: int, height: int) -> list[str]:
    """Return what is wrong with a picture that was to be `width` × `height` pixels."""
    faults = _find_blankness(picture)
    if (picture.width, picture.height) != (width, height):
        faults.append(f"it is {picture.width} × {picture.height} pixels, not {width} × {height}")
    return faults


def find_grid_faults(size: tuple[int, int], pictures: Sequence[PictureMeasures]) -> list[str]:
    """Return what is wrong with a grid of `size` pixels that is composed of `pictures`."""
    faults = []
    if size != (COLUMNS * CELL, ROWS * CELL):
        faults.append(f"the sheet is {size[0]} × {size[1]} pixels, not {COLUMNS * CELL} × {ROWS * CELL}")
    if len(pictures) != PANELS:
        faults.append(f"there are {len(pictures)} panels, not {PANELS}")
    blank = [(number, _find_blankness(picture)) for number, picture in enumerate(pictures, 1)]
    return [*faults, *(f"panel_{number}: {fault}" for number, found in blank for fault in found)]


def _find_blankness(picture: PictureMeasures) -> list[str]:
    if picture.spread >= _BLANK_BELOW:
        return []
    return [f"the picture is blank (its pixels spread by {picture.spread:g} of 255 levels)"]
