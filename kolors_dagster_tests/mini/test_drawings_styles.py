from random import Random

import numpy as np
import pytest
from PIL import Image, ImageFilter

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


def test_ink_wash_is_nearly_without_colour(pictures):
    ink = _mean(pictures["ink_wash"], _saturation)
    assert ink < 0.2
    assert ink < 0.6 * min(_mean(pictures[s], _saturation) for s in ("base", "anime", "cyberpunk"))


def test_cyberpunk_is_dark_with_magenta_and_cyan_light(pictures):
    assert _mean(pictures["cyberpunk"], _brightness) < 0.6 * _mean(pictures["base"], _brightness)
    for picture in pictures["cyberpunk"]:
        r, g, b = np.moveaxis(np.asarray(picture).astype(int), -1, 0)
        assert ((r > g + 60) & (b > g + 40)).mean() > 0.01
        assert ((g > r + 40) & (b > r + 60)).mean() > 0.005


def test_anime_is_more_saturated_than_the_base(pictures):
    assert _mean(pictures["anime"], _saturation) > 1.05 * _mean(pictures["base"], _saturation)


def test_watercolour_leaves_a_border_of_paper(pictures):
    for picture in pictures["watercolour"]:
        pixels = np.asarray(picture).astype(int)
        border = np.concatenate([pixels[:2].reshape(-1, 3), pixels[:, :2].reshape(-1, 3)])
        assert (border.min(axis=1) > 200).mean() > 0.95
    grain = {s: _mean(pictures[s], _fine_texture) for s in ("base", "watercolour")}
    assert grain["watercolour"] > 1.2 * grain["base"]


def _fine_texture(picture: Image.Image) -> float:
    """Return how much the flattest half of the picture varies from pixel to pixel."""
    grey = picture.convert("L")
    detail = np.abs(np.asarray(grey).astype(int) - np.asarray(grey.filter(ImageFilter.GaussianBlur(1.5))))
    return float(np.sort(detail.ravel())[: detail.size // 2].mean())


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_style_is_the_same_twice_and_unlike_the_base(style, scenes, pictures):
    again = np.asarray(render_scene(scenes[0], SIZE, 0, style))
    assert np.array_equal(again, np.asarray(pictures[style][0]))
    difference = np.abs(again.astype(int) - np.asarray(pictures["base"][0])).mean()
    assert difference > 8


def test_an_unknown_style_is_refused(scenes):
    with pytest.raises(KeyError, match="cubist"):
        render_scene(scenes[0], SIZE, 0, "cubist")
