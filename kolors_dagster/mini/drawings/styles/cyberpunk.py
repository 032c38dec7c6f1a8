"""Cyberpunk 赛博朋克: night, neon edges, rim light in magenta and cyan, wet reflections, rain, scan lines."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from kolors_dagster.mini.drawings.colours import Colour, shift
from kolors_dagster.mini.drawings.compose import Layers
from kolors_dagster.mini.drawings.look import Look
from kolors_dagster.mini.drawings.styles.effects import (
    Array,
    as_array,
    as_image,
    blur,
    edge_distance,
    luminance,
    noise,
    screen,
    shifted,
)

MAGENTA = np.asarray([1.0, 0.12, 0.62], np.float32)
CYAN = np.asarray([0.08, 0.86, 1.0], np.float32)
VIOLET = np.asarray([0.5, 0.24, 1.0], np.float32)


def _tone(colour: Colour) -> Colour:
    return shift(colour, 0.0, 1.18, 0.96)


LOOK = Look(
    pen=0.9,
    back_pen=1.1,
    ink=0.86,
    shadow=(0.52, 0.42, 0.8),
    eyes=1.06,
    gloss=1.25,
    gradient=0.2,
    layers=True,
    tone=_tone,
)


def finish(layers: Layers, rng: np.random.Generator) -> Image.Image:
    """Turn the place into night lit by its own outlines, and light the figure from both sides."""
    assert layers.mask and layers.line and layers.back and layers.back_line
    width, height = layers.colour.size
    shape, unit = (height, width), max(width, height) / 1000
    flip = rng.random() < 0.5
    left, right = (CYAN, MAGENTA) if flip else (MAGENTA, CYAN)
    mask = as_array(layers.mask)
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    neon = left * (1 - across) + right * across
    picture = _night(layers, shape, unit, neon, rng)
    figure = as_array(layers.colour)
    np.clip(figure - 0.08, 0, 1, out=figure)
    np.power(figure, 1.25, out=figure)
    figure *= np.asarray([0.78, 0.69, 0.96], np.float32)
    figure = screen(figure, neon * 0.1)
    picture += (figure - picture) * mask[..., None]
    picture = _reflect(screen(picture, _rims(mask, left, right, layers.unit)), unit, rng)
    light = blur(np.clip(picture - 0.42, 0, 1) * 1.7, 16 * unit) * 0.75
    light += _rain(shape, unit, rng)[..., None] * (neon * 0.5 + 0.12)
    return as_image(_screen_of_a_display(screen(picture, light), shape, unit))


def _rims(mask: Array, left: Array, right: Array, head: float) -> Array:
    """Return the light on the figure's two sides, and its glow around them."""
    reach = max(2, round(0.045 * head))
    soft = blur(mask, reach * 0.5)
    light = np.zeros((*mask.shape, 3), np.float32)
    for side, colour in ((-1, left), (1, right)):
        rim = blur(np.clip(mask - shifted(soft, -side * reach), 0, 1), max(1.0, reach * 0.22))
        strength = rim * mask * 0.95 + blur(rim, reach * 1.6) * 0.5
        for c in range(3):
            light[..., c] += strength * colour[c]
    return light


def _night(
    layers: Layers, shape: tuple[int, int], unit: float, neon: Array, rng: np.random.Generator
) -> Array:
    """Return the place in the dark: its outlines, lamps and signs give the light."""
    assert layers.back and layers.back_line
    picture = as_array(layers.back)
    grey = 0.8 * luminance(picture) ** 1.6
    bright = np.clip(picture.max(axis=2) - 0.72, 0, 1) * 3.0
    lamps = np.clip(bright - blur(bright, 30 * unit) * 1.3, 0, 1)
    lines = as_array(layers.back_line) * (0.25 + 0.9 * noise(shape, 160 * unit, rng))
    glow = blur(np.clip(lines * 1.5, 0, 1), 7 * unit)
    patch = blur((noise(shape, 260 * unit, rng) > 0.56).astype(np.float32), 10 * unit)
    signs = _holograms(layers, shape, rng)
    halo = blur(np.clip(signs * 1.2, 0, 1), 11 * unit)
    y = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    for c, (above, below) in enumerate(((0.04, 0.16), (0.024, 0.04), (0.11, 0.24))):
        p = picture[..., c]
        colour = neon[..., c] + (VIOLET[c] - neon[..., c]) * patch
        light = colour * (0.95 * lines + 1.05 * glow + 0.51 * signs + 0.9 * halo)
        light += 0.17 * signs + lamps * p * (0.5 + 0.5 * neon[..., c])
        np.clip(light, 0, 1, out=light)
        p *= 0.3
        p += 0.24 * neon[..., c]
        p *= grey
        p += above + (below - above) * y
        p += (1 - p) * light
    return picture


def _holograms(layers: Layers, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return floating signs of light: rings, triangles, hexagons, bars. No letters."""
    height, width = shape
    image = Image.new("L", (width * 2, height * 2))
    draw = ImageDraw.Draw(image)
    unit = max(width, height) * 2
    pen = max(2, round(0.0026 * unit))
    cx, cy, r = layers.head[0] * 2, layers.head[1] * 2, layers.unit * 2 * (0.95 + 0.35 * rng.random())
    if rng.random() < 0.7:
        draw.ellipse((cx - r, cy - r, cx + r, cy + r), outline=190, width=pen)
        start = 360 * rng.random()
        draw.arc(
            (cx - r * 1.09, cy - r * 1.09, cx + r * 1.09, cy + r * 1.09),
            start,
            start + 140,
            fill=235,
            width=pen * 3,
        )
        for k in range(48):
            a = k * math.pi / 24
            draw.line(
                (
                    cx + r * 1.15 * math.cos(a),
                    cy + r * 1.15 * math.sin(a),
                    cx + r * 1.19 * math.cos(a),
                    cy + r * 1.19 * math.sin(a),
                ),
                fill=150,
                width=pen,
            )
    for _ in range(rng.integers(4, 8)):
        x, y, s = rng.random() * width * 2, rng.random() * height * 1.3, unit * (0.02 + 0.04 * rng.random())
        sides = int(rng.choice([3, 4, 6, 6, 40]))
        turn = rng.random() * math.tau
        for ring in (1.0, 0.72):
            points = [
                (
                    x + s * ring * math.cos(turn + j * math.tau / sides),
                    y + s * ring * math.sin(turn + j * math.tau / sides),
                )
                for j in range(sides + 1)
            ]
            draw.line(points, fill=round(215 * ring), width=pen if ring < 1 else pen * 2, joint="curve")
    for _ in range(rng.integers(2, 5)):
        x, y = rng.random() * width * 2, rng.random() * height * 1.4
        for k in range(rng.integers(4, 9)):
            wide, high = unit * 0.035 * (0.4 + 0.6 * rng.random()), unit * 0.0055
            draw.rectangle(
                (x, y + k * high * 2.2, x + wide, y + k * high * 2.2 + high),
                fill=round(120 + 100 * rng.random()),
            )
    return as_array(image.reduce(2))


def _reflect(picture: Array, unit: float, rng: np.random.Generator) -> Array:
    """Mirror the picture's lower part in a wet floor, broken by ripples."""
    height, width = picture.shape[:2]
    start = round(height * 0.9)
    depth = height - start
    rows = np.arange(depth)
    source = np.clip(start - 1 - (rows * 1.9).astype(int), 0, height - 1)
    wave = noise((depth, 2), 9 * unit, rng)[:, :1] - 0.5
    ripple = (wave * 40 * unit * (rows[:, None] / depth + 0.25)).astype(int)
    columns = np.clip(np.arange(width)[None] + ripple, 0, width - 1)
    mirrored = picture[source[:, None], columns]
    fade = (0.62 - 0.4 * rows / depth)[:, None, None].astype(np.float32)
    wet = picture.copy()
    wet[start:] = screen(picture[start:] * 0.75, mirrored * fade)
    return wet


def _rain(shape: tuple[int, int], unit: float, rng: np.random.Generator) -> Array:
    height, width = shape
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    for _ in range(round(150 * width / max(shape))):
        x, y, length = rng.random() * width, rng.random() * height, unit * (18 + 40 * rng.random())
        draw.line(
            (x, y, x - length * 0.14, y + length),
            fill=round(70 + 90 * rng.random()),
            width=max(1, round(unit)),
        )
    return as_array(image.filter(ImageFilter.GaussianBlur(0.6)))


def _screen_of_a_display(picture: Array, shape: tuple[int, int], unit: float) -> Array:
    gap = max(1, round(1.4 * unit))
    split = np.stack(
        [shifted(picture[..., 0], gap), picture[..., 1], shifted(picture[..., 2], -gap)], axis=-1
    )
    period = max(3, round(4 * unit))
    rows = np.where(np.arange(shape[0]) % period == 0, 0.86, 1.0).astype(np.float32)[:, None, None]
    vignette = np.clip(0.62 + edge_distance(shape) / (0.28 * min(shape)), 0.0, 1.0)[..., None]
    return split * rows * vignette
