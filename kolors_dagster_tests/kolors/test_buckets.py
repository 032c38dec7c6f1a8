import math

import numpy as np

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.buckets import choose_bucket, choose_sizes, list_buckets
from kolors_dagster.specs import TrainingRecipe


def test_kolors_own_shapes() -> None:
    portraits = [(704, 1408), (768, 1344), (832, 1216), (960, 1088)]
    landscapes = [(height, width) for width, height in reversed(portraits)]
    assert list_buckets(1024) == [*portraits, (1024, 1024), *landscapes]


def test_every_resolution_has_shapes_the_unet_can_take() -> None:
    for resolution in range(64, 2049, 8):
        buckets = list_buckets(resolution)
        assert len(set(buckets)) == len(buckets) <= 9, resolution
        assert {(height, width) for width, height in buckets} == set(buckets), resolution
        aspects = [width / height for width, height in buckets]
        assert aspects == sorted(aspects), resolution
        assert aspects[-1] <= 2, resolution
        assert all(side % 32 == 0 for bucket in buckets for side in bucket), resolution
        if resolution % 64 == 0:
            assert (resolution, resolution) in buckets
        if resolution >= 256:
            assert len(buckets) == 9, resolution
            areas = [width * height / resolution**2 for width, height in buckets]
            assert 0.88 < min(areas) <= max(areas) < 1.13, resolution


def test_an_image_loses_as_little_as_it_can() -> None:
    buckets = list_buckets(1024)
    chosen = {
        size: choose_bucket(*size, buckets)
        for size in [(3000, 3000), (4000, 3000), (1080, 1920), (6000, 1000), (1000, 1060), (1000, 1070)]
    }
    assert list(chosen.values()) == [
        (1024, 1024),
        (1216, 832),
        (768, 1344),
        (1408, 704),  # longer than any: the longest
        (1024, 1024),
        (960, 1088),
    ]
    for aspect in np.geomspace(0.5, 2, 101):
        width, height = choose_bucket(round(4000 * aspect), 4000, buckets)
        lost = 1 - math.exp(-abs(math.log(width / height / aspect)))
        assert lost < 0.12, "an eighth of a picture is cut off"


def test_the_recipe_says_whether_there_are_buckets(base_model: BaseModel) -> None:
    def choose(crop: str | None) -> list[tuple[int, int]]:
        filled = base_model.fill_recipe(TrainingRecipe.model_validate({"resolution": 128, "crop": crop}))
        return choose_sizes([(300, 200), (200, 300), (50, 50)], filled)

    assert choose(None) == choose("center") == [(128, 128)] * 3
    assert choose("buckets") == [(160, 96), (96, 160), (128, 128)]
