"""Effects that styles share, on float arrays: height × width (× 3), values 0–1."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Array = NDArray[np.floating[Any]]


def as_array(image: Image.Image) -> Array:
    """Return an image as float32, 0–1."""
    return np.asarray(image, dtype=np.float32) / 255


def as_image(array: Array) -> Image.Image:
    """Return a float array, clipped to 0–1, as an RGB or L image."""
    return Image.fromarray((np.clip(array, 0, 1) * 255 + 0.5).astype(np.uint8))


def noise(shape: tuple[int, int], cell: float, rng: np.random.Generator, octaves: int = 2) -> Array:
    """Return smooth noise, 0–1, its largest features about `cell` pixels."""
    height, width = shape
    # Wide noise is made small and then enlarged once.
    shrink = 4 if cell / 2.5 ** (octaves - 1) >= 10 else 2 if cell / 2.5 ** (octaves - 1) >= 5 else 1
    small = (max(2, -(-width // shrink)), max(2, -(-height // shrink)))
    total = np.zeros((small[1], small[0]), np.float32)
    weight, norm = 1.0, 0.0
    for _ in range(octaves):
        size = (max(2, round(height / cell) + 1), max(2, round(width / cell) + 1))
        grid = Image.fromarray(rng.random(size, dtype=np.float32))
        total += weight * np.asarray(grid.resize(small, Image.Resampling.BICUBIC))
        norm += weight
        weight, cell = weight / 2, max(1.0, cell / 2.5)
    if shrink > 1:
        total = np.asarray(Image.fromarray(total).resize((width, height), Image.Resampling.BILINEAR))
    return np.clip(total / norm, 0, 1)


def grain(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return per-pixel noise, 0–1, repeated every 512 pixels, which no eye finds."""
    tile = rng.random((512, 512), dtype=np.float32)
    return np.tile(tile, (-(-shape[0] // 512), -(-shape[1] // 512)))[: shape[0], : shape[1]]


def blur(array: Array, radius: float) -> Array:
    """Return a Gaussian blur; large radii work on a smaller copy."""
    image = as_image(array)
    shrink = 4 if radius >= 6 else 2 if radius >= 2.4 else 1
    if shrink == 1:
        return as_array(image.filter(ImageFilter.GaussianBlur(radius)))
    small = image.reduce(shrink).filter(ImageFilter.GaussianBlur(radius / shrink))
    return as_array(small.resize(image.size, Image.Resampling.BILINEAR))


def displace(array: Array, amount: float, cell: float, rng: np.random.Generator) -> Array:
    """Return `array` with its pixels pushed about by up to `amount` pixels, smoothly over `cell` pixels."""
    height, width = array.shape[:2]
    dy = ((noise((height, width), cell, rng) - 0.5) * (4 * amount)).astype(np.int32)
    dx = ((noise((height, width), cell, rng) - 0.5) * (4 * amount)).astype(np.int32)
    dy += np.arange(height, dtype=np.int32)[:, None]
    dx += np.arange(width, dtype=np.int32)
    np.clip(dy, 0, height - 1, out=dy)
    np.clip(dx, 0, width - 1, out=dx)
    dy *= width
    dy += dx
    return array.reshape(height * width, -1).take(dy, axis=0).reshape(array.shape)


def shifted(array: Array, dx: int, dy: int = 0) -> Array:
    """Return `array` moved by whole pixels, edges repeated."""
    height, width = array.shape[:2]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return array[rows][:, columns]


def screen(base: Array, light: Array) -> Array:
    """Return `base` with `light` laid over it as projectors do."""
    return 1 - (1 - base) * (1 - np.clip(light, 0, 1))


def luminance(array: Array) -> Array:
    """Return the perceived brightness, height × width."""
    return array @ np.asarray([0.3, 0.59, 0.11], np.float32)


def depth_in_frame(shape: tuple[int, int]) -> Array:
    """Return how deep each pixel lies inside a frame with rounded corners: 0 outside, 1 in the middle.

    A long picture's frame is nearer to a square, so that its middle square has most of the margin too.
    """
    short = min(shape)
    y, x = (
        np.abs(np.linspace(-1, 1, side, dtype=np.float32)) * (side / (0.4 * side + 0.6 * short))
        for side in shape
    )
    return np.clip(1 - (y[:, None] ** 5 + x[None] ** 5) ** 0.2, 0, 1)


def misty_margin(
    shape: tuple[int, int], start: float, end: float, cell: float, rng: np.random.Generator
) -> Array:
    """Return what a soft, uneven margin leaves of a picture: 0 up to the depth `start`, 1 from `end` on."""
    uneven = (noise(shape, cell, rng, 2) - 0.5) * (end - start) * 0.9
    share = np.clip((depth_in_frame(shape) + uneven - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)
