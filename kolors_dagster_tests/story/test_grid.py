from pathlib import Path

import pytest
from PIL import Image

from kolors_dagster.story.grid import compose_grid, write_jpeg
from kolors_dagster_tests.story.pictures import COLOURS, write_panels


def cell_pixel(grid: Image.Image, index: int, x: float, y: float) -> tuple[int, ...]:
    """Return the pixel at a fraction of a cell, cells counted left to right, top to bottom."""
    return grid.getpixel((int((index % 2 + x) * 512), int((index // 2 + y) * 512)))


@pytest.mark.parametrize("side", [64, 256, 1024])
def test_panels_stand_in_reading_order_in_the_notebooks_form(tmp_path: Path, side: int):
    grid = compose_grid(write_panels(tmp_path, (side, side)))
    assert (grid.mode, grid.size) == ("RGB", (1024, 2048))
    for corner in ((0.0, 0.0), (0.5, 0.5), (0.998, 0.998)):
        assert [cell_pixel(grid, index, *corner) for index in range(8)] == COLOURS


@pytest.mark.parametrize(("size", "inside", "outside"), [
    ((64, 32), [(0.01, 0.5), (0.99, 0.5), (0.5, 0.26), (0.5, 0.74)], [(0.5, 0.2), (0.5, 0.8)]),
    ((32, 64), [(0.5, 0.01), (0.5, 0.99), (0.26, 0.5), (0.74, 0.5)], [(0.2, 0.5), (0.8, 0.5)]),
])  # fmt: skip
def test_other_shapes_are_whole_and_undistorted(tmp_path: Path, size, inside, outside):
    grid = compose_grid(write_panels(tmp_path, size))
    for index, colour in enumerate(COLOURS):
        assert {cell_pixel(grid, index, *at) for at in inside} == {colour}
        assert {cell_pixel(grid, index, *at) for at in outside} == {(255, 255, 255)}


def test_seven_panels_are_no_grid(tmp_path: Path):
    with pytest.raises(ValueError, match="8 panels, not 7"):
        compose_grid(write_panels(tmp_path)[:7])


def test_the_jpeg_keeps_the_colours(tmp_path: Path):
    grid = compose_grid(write_panels(tmp_path))
    with Image.open(write_jpeg(tmp_path / "all.jpg", grid)) as jpeg:
        assert (jpeg.format, jpeg.size) == ("JPEG", (1024, 2048))
        for index, colour in enumerate(COLOURS):
            seen = cell_pixel(jpeg, index, 0.5, 0.5)
            assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) <= 3
