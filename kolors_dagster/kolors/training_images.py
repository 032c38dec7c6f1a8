"""The training images of a processed data set, and how each gets the shape the model is trained on."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.files import join_inside
from kolors_dagster.hashing import hash_file
from kolors_dagster.kolors.buckets import Size

_MEND = "make the processed data set again"


@dataclass(frozen=True)
class TrainingImage:
    """One row of `train/metadata.csv`."""

    file_name: str
    text: str
    path: Path
    sha256: str
    size: Size


def read_training_images(dataset: Path) -> list[TrainingImage]:
    """Read `train/metadata.csv` (`file_name,text`, utf-8 with or without a BOM) of a data set.

    Raises UserError if the file, a column or an image is missing, or if there is no image at all.
    """
    table = dataset / "train" / "metadata.csv"
    if not table.is_file():
        raise UserError(f"{table}: no such file", _MEND)
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not {"file_name", "text"} <= set(reader.fieldnames or ()):
            raise UserError(f"{table}:1: has columns {reader.fieldnames}, not file_name and text", _MEND)
        rows = [(reader.line_num, row["file_name"], row["text"]) for row in reader]
    if not rows:
        raise UserError(
            f"{table}: there is no image to train on",
            "loosen the style's filters or add images to its source",
        )
    images = []
    for line, name, text in rows:
        if not name or text is None:
            raise UserError(f"{table}:{line}: the row is not complete", _MEND)
        path = join_inside(dataset / "train", name)
        if not path.is_file():
            raise UserError(f"{table}:{line}: {name} is not there", _MEND)
        with _open_image(path) as image:
            images.append(TrainingImage(name, text, path, hash_file(path), image.size))
    return images


def read_cropped(path: Path, width: int, height: int) -> Tensor:
    """Return the middle of an image, (3, height, width) in [-1, 1].

    It is scaled to just cover `width` × `height` (Lanczos, which widens with the reduction, so nothing
    aliases), then what stands out on both ends of one side is cut off evenly.
    Raises UserError if the file cannot be read as an image.
    """
    with _open_image(path) as opened:
        image = opened.convert("RGB")
    scale = max(width / image.width, height / image.height)
    covering = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    image = image.resize(covering, Image.Resampling.LANCZOS)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return pixels.float() / 127.5 - 1.0


@contextmanager
def _open_image(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read as an image ({error})", _MEND) from None
