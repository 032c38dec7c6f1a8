import base64
import io

import pytest
from PIL import Image

from kolors_dagster.story.thumbnail import preview_data_uri, thumbnail_data_uri


def decode(uri: str) -> Image.Image:
    head, _, body = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(body, validate=True)))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1024, 1024), (256, 256)),
        ((1024, 2048), (128, 256)),
        ((2048, 512), (256, 64)),
        ((100, 50), (100, 50)),
    ],
)
def test_it_is_small_and_keeps_its_shape(size, wanted):
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    uri = thumbnail_data_uri(image)
    assert decode(uri).size == wanted
    assert len(uri) < 12_000
    assert image.size == size  # the caller's picture is left alone


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "CMYK"])
def test_any_mode_will_do(mode: str):
    assert decode(thumbnail_data_uri(Image.new(mode, (300, 300)), 64)).size == (64, 64)


@pytest.mark.parametrize("noise", [False, True])
def test_a_preview_is_short_enough_to_be_shown_in_place(noise):
    image = Image.effect_noise((512, 512), 90) if noise else Image.linear_gradient("L")
    uri = preview_data_uri(image)
    assert len(f"![preview]({uri})") < 1_000
    assert max(decode(uri).size) >= (16 if noise else 128)
