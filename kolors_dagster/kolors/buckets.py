"""Aspect-ratio buckets: the few shapes, alike in area, that training images are cropped to."""

import math

from kolors_dagster.specs import FilledRecipe

Size = tuple[int, int]
"""Width and height in pixels."""

LONGEST_ASPECT = 2.0
# The VAE makes one latent of 8 pixels, and the UNet halves the latents twice: 32. Kolors' own size has room
# for SDXL's grid of 64.
_GRID, _COARSE_GRID, _COARSE_FROM = 32, 64, 768
# Square, and four shapes to each side of it. A GPU keeps one graph of the training step for each shape.
_ASPECTS = [LONGEST_ASPECT ** (quarter / 4) for quarter in range(-4, 5)]


def list_buckets(resolution: int) -> list[Size]:
    """Return at most nine (width, height) with about `resolution`² pixels, from 1:2 to 2:1.

    Sides are multiples of 64 pixels, below 768 of 32. Below 256 that is too coarse for nine shapes and for
    equal areas, so there are fewer, and less alike.
    Source: NovelAI 2022, "Improvements on Stable Diffusion".
    """
    grid = _COARSE_GRID if resolution >= _COARSE_FROM else _GRID
    sides = range(grid, math.ceil(resolution * LONGEST_ASPECT), grid)
    sizes = [(w, h) for w in sides for h in sides if max(w, h) <= LONGEST_ASPECT * min(w, h)]

    def nearest(aspect: float) -> Size:
        return min(
            sizes,
            key=lambda size: math.hypot(
                math.log(size[0] / size[1] / aspect), math.log(size[0] * size[1] / resolution**2)
            ),
        )

    return list(dict.fromkeys(nearest(aspect) for aspect in _ASPECTS))


def choose_bucket(width: int, height: int, buckets: list[Size]) -> Size:
    """Return the bucket that an image of `width` × `height` loses least in: nearest by log aspect ratio."""
    return min(buckets, key=lambda size: abs(math.log(size[0] / size[1] * height / width)))


def choose_sizes(images: list[Size], recipe: FilledRecipe) -> list[Size]:
    """Return the size that `recipe` crops each image to, given the images' own sizes."""
    square = (recipe.resolution, recipe.resolution)
    if recipe.crop == "center":
        return [square] * len(images)
    buckets = list_buckets(recipe.resolution)
    return [choose_bucket(width, height, buckets) for width, height in images]
