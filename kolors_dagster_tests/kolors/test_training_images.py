from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.training_images import read_cropped, read_training_images
from kolors_dagster_tests.kolors.training_parts import CAPTIONS, SIZES, write_dataset


def test_square_is_the_middle_of_the_longer_side(tmp_path: Path) -> None:
    # Red, green, blue thirds of a 3:1 picture: the middle square is the green one, and nothing else.
    pixels = np.zeros((128, 384, 3), np.uint8)
    for third in range(3):
        pixels[:, 128 * third : 128 * (third + 1), third] = 255
    for name, picture in {"wide.png": pixels, "tall.png": pixels.transpose(1, 0, 2)}.items():
        Image.fromarray(picture).save(tmp_path / name)
        square = read_cropped(tmp_path / name, 64, 64)
        assert square.shape == (3, 64, 64)
        inner = square[:, 4:-4, 4:-4]
        assert torch.equal(inner, torch.tensor([-1.0, 1.0, -1.0])[:, None, None].expand_as(inner))


def test_an_image_is_scaled_to_cover_and_cropped_evenly(tmp_path: Path) -> None:
    # Four quarters of one colour each meet in the middle, whichever side is cut.
    pixels = np.zeros((90, 150, 3), np.uint8)
    pixels[45:, :, 0] = pixels[:, 75:, 1] = 255
    Image.fromarray(pixels).save(tmp_path / "quarters.png")
    for width, height in [(96, 64), (64, 96), (128, 64), (192, 96)]:
        cropped = read_cropped(tmp_path / "quarters.png", width, height)
        assert cropped.shape == (3, height, width)
        down, across = cropped[0].mean(dim=1), cropped[1].mean(dim=0)
        assert (down[: height // 2 - 4] == -1).all() and (down[height // 2 + 4 :] == 1).all()
        assert (across[: width // 2 - 4] == -1).all() and (across[width // 2 + 4 :] == 1).all()


def test_reducing_does_not_alias(tmp_path: Path) -> None:
    checkers = np.indices((512, 512)).sum(0) % 2 * 255
    Image.fromarray(checkers.astype(np.uint8)).save(tmp_path / "checkers.png")
    assert read_cropped(tmp_path / "checkers.png", 64, 64).abs().max() < 0.02  # even grey, no moiré


def test_reads_names_captions_and_sizes(tmp_path: Path) -> None:
    images = read_training_images(write_dataset(tmp_path))
    assert [image.text for image in images] == CAPTIONS
    assert [image.size for image in images] == SIZES


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "no such file"),
        ("file_name,text\n", "no image to train on"),
        ("name,caption\na.jpg,b\n", "not file_name and text"),
        ("file_name,text\n0.jpg,a\n9.jpg,b\n", ":3: 9.jpg is not there"),
        ("file_name,text\n0.jpg\n", ":2: the row is not complete"),
        ("file_name,text\n../../secret.jpg,a\n", "points outside"),
    ],
)
def test_refuses_a_table_that_does_not_fit(tmp_path: Path, table: str | None, said: str) -> None:
    dataset = write_dataset(tmp_path)
    path = dataset / "train" / "metadata.csv"
    path.unlink() if table is None else path.write_text(table, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_training_images(dataset)


def test_names_an_image_that_cannot_be_read(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path)
    broken = dataset / "train" / "3.jpg"
    broken.write_bytes(broken.read_bytes()[:400])
    with pytest.raises(UserError, match=r"3\.jpg: cannot be read"):
        read_cropped(broken, 64, 64)
    broken.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"3\.jpg: cannot be read"):
        read_training_images(dataset)
