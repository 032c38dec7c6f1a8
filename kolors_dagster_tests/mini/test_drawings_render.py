from dataclasses import replace
from itertools import combinations
from random import Random

import numpy as np
import pytest

from kolors_dagster.mini.drawings.colours import CLOTH, HAIR
from kolors_dagster.mini.drawings.compose import PLACES, compose
from kolors_dagster.mini.drawings.look import Look
from kolors_dagster.mini.drawings.render import render_scene
from kolors_dagster.mini.drawings.scene import ATTRIBUTES, Scene, poses_at, sample_scene

SIZE = (192, 192)
PLAIN = Scene(place="practice", pose="stand", framing="half", dress_cut="sweater", hair_length="long")


def _share(pixels: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Return the share of pixels whose hue and shade are near `colour`."""
    near = np.abs(pixels.reshape(-1, 3).astype(int) - np.asarray(colour)).sum(axis=1) < 75
    return float(near.mean())


def _head_box(scene: Scene, seed: int) -> np.ndarray:
    layers = compose(scene, SIZE, Look(), Random(seed))
    (x, y), r = layers.head, 0.62 * layers.unit
    box = tuple(round(v) for v in (x - r, y - r, x + r, y))
    return np.asarray(layers.colour.crop(box))


@pytest.mark.parametrize("colour", sorted(HAIR))
def test_hair_colour_shows_in_the_upper_half_of_the_head(colour):
    box = _head_box(replace(PLAIN, hair_colour=colour), 3)
    other = _head_box(replace(PLAIN, hair_colour="green" if colour != "green" else "red"), 3)
    assert _share(box, HAIR[colour]) > 0.2
    assert _share(box, HAIR[colour]) > 3 * _share(other, HAIR[colour])


@pytest.mark.parametrize("colour", sorted(CLOTH))
def test_dress_colour_shows_below_the_head(colour):
    def below(scene: Scene) -> np.ndarray:
        layers = compose(scene, SIZE, Look(), Random(5))
        x, y, u = *layers.head, layers.unit
        return np.asarray(
            layers.colour.crop(tuple(round(v) for v in (x - 0.3 * u, y + 0.75 * u, x + 0.3 * u, y + 1.4 * u)))
        )

    other = "green" if colour != "green" else "red"
    share = _share(below(replace(PLAIN, dress_colour=colour)), CLOTH[colour])
    assert share > 0.25
    assert share > 3 * _share(below(replace(PLAIN, dress_colour=other)), CLOTH[colour])


def test_longer_hair_covers_more():
    def purple(length: str) -> float:
        scene = Scene(
            place="practice", framing="full", hair_length=length, hair_colour="purple", dress_colour="yellow"
        )
        # By hue: how light and strong the tint is goes by lot, and much of long hair lies in the shade.
        hue, saturation, _ = np.moveaxis(np.asarray(render_scene(scene, SIZE, 1).convert("HSV"), int), 2, 0)
        return float(((abs(hue - 192) < 16) & (saturation > 90)).mean())

    assert 1.2 * purple("short") < purple("long")


@pytest.mark.parametrize(
    "attribute", ["pose", "place", "expression", "dress_cut", "age", "hair_tie", "framing"]
)
def test_each_value_gives_another_picture(attribute):
    scene = Scene(place="meadow", thing="none")
    values = [v for v in ATTRIBUTES[attribute] if attribute != "pose" or v in poses_at("meadow")]
    pictures = [np.asarray(render_scene(replace(scene, **{attribute: v}), (96, 96), 2)) for v in values]
    for a, b in combinations(pictures, 2):
        assert (a != b).any(axis=2).mean() > 0.002


def test_the_same_arguments_give_the_same_pixels_and_another_seed_does_not():
    scene = sample_scene(Random(4))
    first = np.asarray(render_scene(scene, SIZE, 9))
    assert np.array_equal(first, np.asarray(render_scene(scene, SIZE, 9)))
    assert not np.array_equal(first, np.asarray(render_scene(scene, SIZE, 10)))


@pytest.mark.parametrize("size", [(96, 240), (240, 96), (256, 256)])
@pytest.mark.parametrize("place", sorted(PLACES))
def test_every_place_fills_every_shape_of_canvas(place, size):
    picture = render_scene(Scene(place=place, time="dusk", dress_colour="red"), size, 6)
    assert picture.size == size
    assert picture.mode == "RGB"
    # The canvas starts pure white: no edge may be left unpainted.
    pixels = np.asarray(picture)
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).all(axis=1).mean() < 0.3


def test_many_scenes_draw_without_a_fault():
    rng = Random(8)
    for seed in range(40):
        render_scene(sample_scene(rng), (64, 64), seed)
