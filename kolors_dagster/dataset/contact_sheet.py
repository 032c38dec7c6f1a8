"""A sheet of small pictures, to see a data set at a glance."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

_PAPER = (244, 243, 240)
_MAT = (226, 224, 219)


def contact_sheet(
    images: Sequence[Path], columns: int = 8, thumb: int = 160, rows: int = 5, gap: int = 8
) -> Image.Image:
    """Return an RGB sheet of at most columns × rows pictures, evenly chosen, whole and undistorted.

    Each lies in the middle of a square cell of `thumb` pixels; raises ValueError without pictures.
    """
    if not images:
        raise ValueError("a contact sheet of no pictures")
    chosen = choose_evenly(images, columns * rows)
    across = min(columns, len(chosen))
    down = -(-len(chosen) // across)
    step = thumb + gap
    sheet = Image.new("RGB", (across * step + gap, down * step + gap), _PAPER)
    for place, path in enumerate(chosen):
        corner = gap + place % across * step, gap + place // across * step
        sheet.paste(_cell(path, thumb), corner)
    return sheet


def choose_evenly(images: Sequence[Path], count: int) -> list[Path]:
    """Return `count` of the pictures, in order, first and last among them (all, if there are no more)."""
    if len(images) <= count:
        return list(images)
    if count == 1:
        return [images[0]]
    return [images[round(place * (len(images) - 1) / (count - 1))] for place in range(count)]


def _cell(path: Path, thumb: int) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", (thumb * 2, thumb * 2))  # a JPEG is decoded at a fraction of its size
        small = ImageOps.contain(image.convert("RGB"), (thumb, thumb), Image.Resampling.LANCZOS)
    cell = Image.new("RGB", (thumb, thumb), _MAT)
    cell.paste(small, ((thumb - small.width) // 2, (thumb - small.height) // 2))
    return cell
