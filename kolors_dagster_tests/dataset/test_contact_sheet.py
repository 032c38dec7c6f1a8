"""The sheet shows whole pictures, evenly chosen, in cells of one size."""

from pathlib import Path

import pytest
from PIL import Image

from kolors_dagster.dataset.contact_sheet import choose_evenly, contact_sheet


def test_pictures_are_whole_and_in_the_middle(tmp_path):
    Image.new("RGB", (400, 200), "red").save(tmp_path / "wide.png")
    Image.new("RGB", (30, 60), "blue").save(tmp_path / "tall.png")
    sheet = contact_sheet([tmp_path / "wide.png", tmp_path / "tall.png"], columns=4, thumb=100, gap=10)
    assert sheet.size == (230, 120)
    reds = [(x, y) for x in range(230) for y in range(120) if sheet.getpixel((x, y)) == (255, 0, 0)]
    blues = [(x, y) for x in range(230) for y in range(120) if sheet.getpixel((x, y)) == (0, 0, 255)]
    assert (min(reds), max(reds)) == ((10, 35), (109, 84))
    assert (min(blues), max(blues)) == ((145, 10), (194, 109))


def test_the_choice_is_even_and_bounded(tmp_path):
    paths = [Path(str(number)) for number in range(101)]
    assert [int(path.name) for path in choose_evenly(paths, 5)] == [0, 25, 50, 75, 100]
    assert choose_evenly(paths[:3], 5) == paths[:3]
    assert choose_evenly(paths, 1) == paths[:1]
    Image.new("RGB", (10, 10)).save(tmp_path / "a.png")
    assert contact_sheet([tmp_path / "a.png"] * 50, columns=3, rows=2, thumb=10, gap=2).size == (38, 26)


def test_no_pictures():
    with pytest.raises(ValueError, match="no pictures"):
        contact_sheet([])
