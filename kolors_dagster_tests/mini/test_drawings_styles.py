from dataclasses import replace
from random import Random

import numpy as np
import pytest
from PIL import Image

from kolors_dagster.mini.drawings.render import STYLES, render_scene
from kolors_dagster.mini.drawings.scene import Scene, sample_scene

SIZE = (256, 256)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = Random(11)
    return [sample_scene(rng) for _ in range(5)]


@pytest.fixture(scope="module")
def pictures(scenes) -> dict[str, list[Image.Image]]:
    return {
        style: [render_scene(s, SIZE, i, style) for i, s in enumerate(scenes)] for style in ("base", *STYLES)
    }


def _mean(pictures: list[Image.Image], measure) -> float:
    return float(np.mean([measure(picture) for picture in pictures]))


def _saturation(picture: Image.Image) -> float:
    return float(np.asarray(picture.convert("HSV"))[..., 1].mean() / 255)


def _brightness(picture: Image.Image) -> float:
    return float(np.asarray(picture.convert("L")).mean() / 255)


def _edges(picture: Image.Image) -> np.ndarray:
    """Return the outermost pixels, (n, 3)."""
    p = np.asarray(picture).astype(int)
    return np.concatenate([p[:3].reshape(-1, 3), p[:, :3].reshape(-1, 3), p[:, -3:].reshape(-1, 3)])


def test_ink_wash_is_warm_paper_with_little_colour_at_every_hour(scenes, pictures):
    ink = _mean(pictures["ink_wash"], _saturation)
    assert ink < 0.25
    assert ink < 0.6 * min(_mean(pictures[s], _saturation) for s in ("base", "anime", "cyberpunk"))
    for picture in [*pictures["ink_wash"], *_at_night("ink_wash", scenes)]:
        assert np.median(_edges(picture).min(axis=1)) > 180
        red, _, blue = np.asarray(picture).reshape(-1, 3).mean(axis=0)
        assert red > blue + 15


def test_cyberpunk_is_dark_with_cyan_light_left_and_magenta_light_right(scenes, pictures):
    noon = [render_scene(replace(s, time="day"), SIZE, i, "cyberpunk") for i, s in enumerate(scenes)]
    assert _mean(pictures["cyberpunk"], _brightness) < 0.6 * _mean(pictures["base"], _brightness)
    for picture in [*pictures["cyberpunk"], *noon]:
        assert _brightness(picture) < 0.45
        r, g, b = np.moveaxis(np.asarray(picture).astype(int), -1, 0)
        magenta, cyan = (r > g + 60) & (b > g + 40), (g > r + 40) & (b > r + 60)
        assert magenta.mean() > 0.01
        assert cyan.mean() > 0.005
        assert cyan.nonzero()[1].mean() < magenta.nonzero()[1].mean()


def test_anime_has_strong_colours_with_pink_light_above_and_blue_below(pictures):
    assert _mean(pictures["anime"], _saturation) > 1.1 * _mean(pictures["base"], _saturation)
    above, below = (
        _mean(pictures["anime"], lambda picture, part=part: _blueness(picture, part))
        - _mean(pictures["base"], lambda picture, part=part: _blueness(picture, part))
        for part in (slice(0, 64), slice(192, 256))
    )
    assert below > above + 0.05


def _blueness(picture: Image.Image, rows: slice) -> float:
    red, _, blue = np.asarray(picture)[rows].reshape(-1, 3).mean(axis=0) / 255
    return float(blue - red)


def test_watercolour_is_pale_within_a_white_margin_at_every_hour(scenes, pictures):
    for picture in [*pictures["watercolour"], *_at_night("watercolour", scenes)]:
        assert (_edges(picture).min(axis=1) > 215).mean() > 0.9
        assert _brightness(picture) > 0.6


def _at_night(style: str, scenes: list[Scene]) -> list[Image.Image]:
    return [render_scene(replace(scene, time="night"), SIZE, 3, style) for scene in scenes]


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_style_is_the_same_twice_and_unlike_the_base(style, scenes, pictures):
    again = np.asarray(render_scene(scenes[0], SIZE, 0, style))
    assert np.array_equal(again, np.asarray(pictures[style][0]))
    difference = np.abs(again.astype(int) - np.asarray(pictures["base"][0])).mean()
    assert difference > 8


def test_an_unknown_style_is_refused(scenes):
    with pytest.raises(KeyError, match="cubist"):
        render_scene(scenes[0], SIZE, 0, "cubist")
