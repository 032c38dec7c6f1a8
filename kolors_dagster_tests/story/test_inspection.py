import numpy as np
import pytest
from PIL import Image, ImageDraw

from kolors_dagster.story.inspection import find_faults, find_grid_faults, measure_picture
from kolors_dagster_tests.story.pictures import make_noise


@pytest.mark.parametrize("colour", ["black", "white", "#7f3040"])
def test_a_picture_of_one_colour_is_blank(colour: str) -> None:
    measures = measure_picture(Image.new("RGB", (64, 64), colour))
    assert measures.spread == 0
    assert len(find_faults(measures, 64, 64)) == 1


def test_a_picture_of_one_colour_but_for_rounding_is_blank() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8) + np.random.default_rng(0).integers(
        0, 2, (64, 64, 3), np.uint8
    )
    assert "blank" in find_faults(measure_picture(Image.fromarray(flat)), 64, 64)[0]


def test_a_night_sky_with_one_star_is_a_picture() -> None:
    sky = Image.new("RGB", (1024, 1024), "black")
    ImageDraw.Draw(sky).ellipse((500, 200, 512, 212), fill="white")
    assert find_faults(measure_picture(sky), 1024, 1024) == []


def test_another_size_than_asked_for_is_a_fault() -> None:
    assert find_faults(measure_picture(make_noise(0, (64, 48))), 64, 64) == [
        "it is 64 × 48 pixels, not 64 × 64"
    ]


def test_a_grid_names_its_blank_panels_and_counts_them() -> None:
    good, blank = measure_picture(make_noise(0)), measure_picture(Image.new("RGB", (8, 8)))
    assert find_grid_faults((1024, 2048), [good] * 8) == []
    assert [fault[:8] for fault in find_grid_faults((1024, 2048), [good, blank, *[good] * 6])] == ["panel_2:"]
    assert len(find_grid_faults((1024, 1024), [good] * 7)) == 2
