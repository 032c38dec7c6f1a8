"""Watercolour 水彩: paper tooth, granulating pigment, wet edges, soft bleeding, an unpainted border."""

import numpy as np
from PIL import Image, ImageDraw

from kolors_dagster.mini.drawings.colours import Colour, mix, shift
from kolors_dagster.mini.drawings.compose import Layers
from kolors_dagster.mini.drawings.look import Look
from kolors_dagster.mini.drawings.styles.effects import (
    Array,
    as_array,
    as_image,
    blur,
    displace,
    edge_distance,
    grain,
    noise,
)


def _tone(colour: Colour) -> Colour:
    return mix(shift(colour, 0.0, 1.06, 1.05), (255, 250, 244), 0.16)


LOOK = Look(
    pen=0.62, back_pen=0.7, ink=0.12, shadow=(0.84, 0.82, 0.92), gradient=0.3, layers=True, tone=_tone
)


def finish(layers: Layers, rng: np.random.Generator) -> Image.Image:
    """Treat colour as pigment on paper: what is dark is thick paint, and water moves it about."""
    assert layers.mask and layers.line
    width, height = layers.colour.size
    shape, unit = (height, width), max(width, height) / 1000
    tooth = _tooth(shape, rng)
    mask = as_array(layers.mask)[..., None]
    colour = as_array(layers.colour)
    # The loose wash is soft, so it is made at half the size.
    wash = displace(as_array(layers.colour.reduce(2)), 3.5 * unit, 18 * unit, rng)
    loose = as_array(as_image(wash).resize((width, height), Image.Resampling.BILINEAR))
    tight = displace(colour, 2.0 * unit, 24 * unit, rng)
    soft = blur(mask[..., 0], 4 * unit)[..., None]
    pigment = loose
    pigment += (tight - loose) * soft
    np.subtract(1, pigment, out=pigment)
    pigment *= 0.8 + 0.28 * soft
    pigment += np.maximum(pigment - blur(pigment, 7 * unit), -0.03)
    bleed = noise(shape, 150 * unit, rng, 3)
    blooms = np.clip((noise(shape, 90 * unit, rng, 2) - 0.6) * 3.2, 0, 1)
    rims = np.clip(1 - np.abs(blooms - 0.35) * 5, 0, 1) * (blooms > 0)
    flow = (0.58 + 0.8 * bleed) * (1 - 0.34 * blooms) + 0.13 * rims
    pigment *= (1 + (flow[..., None] - 1) * (1 - 0.55 * soft)) * (0.86 + 0.3 * tooth[..., None])
    painted, rim = _border(shape, unit, rng)
    pigment = pigment * painted[..., None] * (1 + 0.4 * rim[..., None])
    paper = (0.985 - 0.05 * (1 - tooth))[..., None] * np.asarray([1.0, 0.99, 0.965], np.float32)
    picture = paper * (1 - np.clip(pigment, 0, 0.97))
    pencil = (
        displace(as_array(layers.line), 1.2 * unit, 40 * unit, rng)
        * np.clip(0.3 + 1.1 * tooth, 0, 1)
        * painted
    )
    picture *= 1 - (pencil * (0.28 + 0.34 * mask[..., 0]))[..., None] * np.asarray(
        [0.62, 0.7, 0.68], np.float32
    )
    return as_image(_splatter(picture, layers, rng))


def _tooth(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    fine = blur(grain(shape, rng), 1.0)
    bumps = noise(shape, 5, rng)
    return np.clip(0.5 + (fine - 0.5) * 2.2 + (bumps - 0.5) * 0.5, 0, 1)


def _border(shape: tuple[int, int], unit: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return where paint reaches (0–1) and the darker rim where it stopped and dried."""
    ragged = (noise(shape, 260 * unit, rng, 1) - 0.5) * 36 * unit + (
        noise(shape, 34 * unit, rng) - 0.5
    ) * 7 * unit
    depth = edge_distance(shape) - 30 * unit + ragged
    return np.clip(depth / (2.5 * unit), 0, 1), np.exp(-np.square((depth - 5 * unit) / (4.5 * unit)))


def _splatter(picture: Array, layers: Layers, rng: np.random.Generator) -> Array:
    height, width = picture.shape[:2]
    unit = max(width, height)
    drops = Image.new("L", (width, height))
    draw = ImageDraw.Draw(drops)
    for _ in range(26):
        x, y = rng.random() * width, rng.random() * height
        r = unit * (0.001 + 0.005 * rng.random() ** 3)
        if np.hypot(x - layers.head[0], y - layers.head[1]) > 0.7 * layers.unit:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=round(60 + 90 * rng.random()))
    tint = 1 - picture[int(height * 0.25), int(width * rng.random() * 0.99)]
    return picture * (1 - blur(as_array(drops), 1.0)[..., None] * (0.35 + 0.65 * tint))
