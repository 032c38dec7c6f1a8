import numpy as np
from PIL import Image

from kolors_dagster.kolors.validation_strip import draw_validation_strip


def paint(colour: int, side: int = 64) -> Image.Image:
    return Image.new("RGB", (side, side), (colour, 0, 255 - colour))


def test_pictures_stand_in_the_order_of_their_steps_over_a_label_each() -> None:
    strip = draw_validation_strip({100: paint(200), 0: paint(10), 20: paint(100)})
    assert strip.size == (3 * 72 + 8, 64 + 24 + 16)
    assert [strip.getpixel((8 + 72 * place + 32, 40)) for place in range(3)] == [
        (10, 0, 245),
        (100, 0, 155),
        (200, 0, 55),
    ]
    labels = np.asarray(strip.convert("L"))[8 + 64 : 8 + 64 + 24]
    written = [labels[:, 8 + 72 * place : 72 * (place + 1)] for place in range(3)]
    assert all(label.min() < 100 for label in written)
    assert not np.array_equal(written[0], written[1])


def test_a_long_training_takes_more_rows_and_large_pictures_become_small() -> None:
    strip = draw_validation_strip({step: paint(step, 512) for step in range(9)})
    assert strip.size == (8 * 264 + 8, 2 * (256 + 24 + 8) + 8)
    assert strip.getpixel((100, 8 + 288 + 100)) == (8, 0, 247)
