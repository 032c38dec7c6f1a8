"""Ink wash 水墨: warm rice paper at every hour, ink that bleeds, dark brush lines, mist, a red seal."""

import numpy as np
from PIL import Image, ImageDraw

from kolors_dagster.mini.drawings.compose import Layers
from kolors_dagster.mini.drawings.look import Look
from kolors_dagster.mini.drawings.styles.effects import (
    Array,
    as_array,
    as_image,
    blur,
    displace,
    grain,
    luminance,
    misty_margin,
    noise,
)

LOOK = Look(pen=0.95, back_pen=0.8, ink=0.0, shadow=(0.8, 0.8, 0.82), eyes=0.98, gradient=0.22, layers=True)
OPEN = ("sea", "snow", "meadow", "rooftop", "street")
INK = np.asarray([0.13, 0.13, 0.14], np.float32)
PAPER = np.asarray([0.972, 0.936, 0.846], np.float32)


def finish(layers: Layers, rng: np.random.Generator) -> Image.Image:
    """Lay washes and lines of ink on paper: the background loose and wet, the figure by a fine brush."""
    assert layers.mask and layers.line and layers.back and layers.back_line
    width, height = layers.colour.size
    shape, unit = (height, width), max(width, height) / 1000
    hard = as_array(layers.mask)
    mask = blur(hard, 1.2 * unit)
    halo = np.clip(1.5 * blur(mask, 30 * unit), 0, 1)
    wash = _background(layers, unit, rng) * (1 - 0.6 * halo) * (1 - mask)
    figure = as_array(layers.colour)
    density = np.clip((0.96 - luminance(figure)) * 0.76, 0, 1)
    density = displace(blur(density, 1.5 * unit), 1.7 * unit, 26 * unit, rng)
    pool = np.clip(density - blur(density, 9 * unit), 0, 1)
    density = density * (0.8 + 0.4 * noise(shape, 70 * unit, rng)) + 0.5 * pool
    ink = np.clip(wash + density * mask, 0, 0.95)
    picture = _paper(shape, rng) * (1 - ink[..., None] * (1 - INK))
    tint = displace(blur(figure, 3 * unit), 2.5 * unit, 30 * unit, rng)
    chroma = np.clip(tint / np.maximum(luminance(tint)[..., None], 0.2), 0.4, 1.6) - 1
    picture *= 1 + chroma * (0.36 * mask)[..., None]
    lines = _brush_lines(as_array(layers.line), shape, unit, rng) * (0.3 + 0.7 * mask)
    # The brush goes round the whole figure once more, broad and wet.
    soft = blur(hard, 3.6 * unit)
    contour = np.clip(4.4 * soft * (1 - soft) - 0.1, 0, 1) * (0.5 + 0.7 * noise(shape, 60 * unit, rng))
    lines = np.maximum(lines, 0.9 * displace(contour, 2 * unit, 34 * unit, rng))
    picture *= 1 - np.clip(lines, 0, 1)[..., None] * (1 - INK * 0.6)
    return _stamp(as_image(picture), layers, rng)


def _paper(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    height, width = shape
    fibres = Image.fromarray(rng.random((height // 2 + 1, width // 14 + 1), dtype=np.float32))
    across = np.asarray(fibres.resize((width, height), Image.Resampling.BILINEAR))
    speckle = 0.5 * across + 0.5 * grain(shape, rng)
    value = 1 - 0.04 * speckle - 0.03 * noise(shape, 320, rng)
    return value[..., None] * PAPER


def _background(layers: Layers, unit: float, rng: np.random.Generator) -> Array:
    """Return the ink of the background; it is soft, so half the resolution does.

    Every hour of the day becomes the same pale paper: only what is darker than its surroundings takes ink.
    """
    assert layers.back and layers.back_line
    grey = luminance(as_array(layers.back.reduce(2)))
    shape, unit = (grey.shape[0], grey.shape[1]), unit / 2
    low, high = np.quantile(grey[::8, ::8], (0.04, 0.8))
    tone = np.clip((high - grey) / max(high - low, 0.3), 0, 1)
    wet = displace(blur(tone, 9 * unit), 12 * unit, 60 * unit, rng)
    crisp = displace(blur(tone, 2 * unit), 4 * unit, 24 * unit, rng)
    pooled = np.clip(wet - blur(wet, 16 * unit), 0, 1)
    wash = (0.14 * wet + 0.13 * crisp**1.6 + 0.5 * pooled) * (0.7 + 0.6 * noise(shape, 180 * unit, rng, 3))
    if layers.scene.place in OPEN:
        wash = np.maximum(wash, _mountains(shape, unit, rng))
    mist = np.clip((noise(shape, 300 * unit, rng, 3) - 0.5) * 3, 0, 1)
    lines = _brush_lines(as_array(layers.back_line.reduce(2)), shape, unit, rng)
    wash = np.maximum(wash, np.clip(lines * 1.4, 0, 1) * 0.4) * (1 - 0.6 * mist)
    wash = np.clip(wash, 0, 0.9) * misty_margin(shape, 0.04, 0.36, 150 * unit, rng)
    return as_array(as_image(wash).resize(layers.back.size, Image.Resampling.BICUBIC))


def _mountains(shape: tuple[int, int], unit: float, rng: np.random.Generator) -> Array:
    """Return ranges of far mountains, dark along the ridge and lost in mist below."""
    height, width = shape
    y = np.arange(height, dtype=np.float32)[:, None]
    total = np.zeros(shape, np.float32)
    for k, strength in enumerate((0.16, 0.26)):
        profile = noise((2, width), (230 - 60 * k) * unit, rng, 5)[:1]
        ridge = height * (0.5 + 0.06 * k) - (np.clip(profile - 0.3, 0, 1) * 1.9 - 0.1) * height * 0.4
        depth = y - ridge
        body = np.clip(depth / (5 * unit), 0, 1) * np.exp(-np.maximum(depth, 0) / (height * 0.13))
        total = np.maximum(total * (1 - 0.5 * np.clip(depth / (8 * unit), 0, 1)), strength * body)
    return total * (0.7 + 0.6 * noise(shape, 50 * unit, rng))


def _streaks(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return the marks that the hairs of a broad brush leave across the paper."""
    height, width = shape
    hairs = Image.fromarray(rng.random((height, max(2, width // 60)), dtype=np.float32))
    return np.asarray(hairs.resize((width, height), Image.Resampling.BICUBIC))


def _brush_lines(thin: Array, shape: tuple[int, int], unit: float, rng: np.random.Generator) -> Array:
    """Return lines that swell, thin and run dry."""
    thick = np.clip(1.9 * blur(thin, 1.3 * unit), 0, 1)
    swell = np.clip((noise(shape, 60 * unit, rng) - 0.38) * 4, 0, 1)
    drawn = displace(thin + (thick - thin) * swell, 1.6 * unit, 34 * unit, rng)
    dry = np.clip(0.4 + 2.2 * (noise(shape, 9 * unit, rng) - 0.28) + swell, 0.25, 1)
    return np.clip(drawn * dry + 0.35 * blur(drawn, 3 * unit), 0, 1)


def _stamp(image: Image.Image, layers: Layers, rng: np.random.Generator) -> Image.Image:
    """Print a red seal in the lower corner away from the head: carved strokes that are no letters."""
    width, height = image.size
    size = round(0.062 * max(width, height))
    seal = Image.new("L", (size * 2, size * 2))
    draw = ImageDraw.Draw(seal)
    edge = size // 8
    draw.rounded_rectangle((0, 0, size * 2 - 1, size * 2 - 1), size // 4, fill=255)
    draw.rounded_rectangle(
        (edge, edge, size * 2 - 1 - edge, size * 2 - 1 - edge), size // 6, outline=0, width=max(1, size // 14)
    )
    pen = max(2, size // 8)
    c = size
    draw.arc(
        (c - size * 0.55, c - size * 0.55, c + size * 0.55, c + size * 0.55), 200, 520, fill=0, width=pen
    )
    draw.line(
        (c - size * 0.3, c + size * 0.15, c, c - size * 0.25, c + size * 0.3, c + size * 0.15),
        fill=0,
        width=pen,
    )
    draw.ellipse((c - pen, c + size * 0.18, c + pen, c + size * 0.18 + 2 * pen), fill=0)
    stamp = as_array(seal.reduce(2)) * np.clip(noise((size, size), 5, rng) * 2.4 - 0.15, 0.35, 1)
    x = (
        width - size - round(0.04 * max(width, height))
        if layers.head[0] < width / 2
        else round(0.04 * max(width, height))
    )
    y = height - size - round(0.045 * max(width, height))
    image.paste((186, 48, 40), (x, y), as_image(stamp * 0.92))
    return image
