"""Cyberpunk 赛博朋克: night everywhere, cyan light from the left, magenta from the right, neon, wet floor."""

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
    depth_in_frame,
    luminance,
    noise,
    screen,
    shifted,
)

MAGENTA = np.asarray([1.0, 0.1, 0.66], np.float32)
CYAN = np.asarray([0.04, 0.84, 1.0], np.float32)


def _tone(colour: Colour) -> Colour:
    return shift(colour, 0.0, 1.18, 0.98)


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
    mask = as_array(layers.mask)
    # The light turns from cyan to magenta about the figure, wherever it stands.
    x = (np.arange(width, dtype=np.float32) - layers.head[0]) / (0.3 * min(shape))
    across = (1 / (1 + np.exp(-2 * x)))[None, :, None]
    neon = CYAN * (1 - across) + MAGENTA * across
    picture = _night(layers, shape, unit, neon, rng)
    aura = blur(mask, 62 * unit) * 0.8 + blur(mask, 20 * unit) * 0.35
    picture = screen(picture, neon * (aura * (1 - mask))[..., None])
    figure = np.power(np.clip(as_array(layers.colour) - 0.05, 0, 1), 1.2)
    figure *= np.asarray([0.72, 0.58, 0.92], np.float32)
    figure = screen(figure, neon * 0.18)
    picture += (figure - picture) * mask[..., None]
    picture = _reflect(screen(picture, _rims(mask, layers.unit)), unit, rng)
    light = blur(np.clip(picture - 0.42, 0, 1) * 1.7, 16 * unit) * 0.6
    light += _rain(shape, unit, rng)[..., None] * (neon * 0.5 + 0.12)
    dusk = np.clip(0.45 + 1.6 * depth_in_frame(shape), 0, 1)[..., None]
    return as_image(screen(picture, light) * dusk)


def _rims(mask: Array, head: float) -> Array:
    """Return the light on the figure's two sides."""
    reach = max(2, round(0.09 * head))
    soft = blur(mask, reach * 0.5)
    light = np.zeros((*mask.shape, 3), np.float32)
    for side, colour in ((-1, CYAN), (1, MAGENTA)):
        rim = blur(np.clip(mask - shifted(soft, -side * reach), 0, 1), max(1.0, reach * 0.3)) * mask
        for c in range(3):
            light[..., c] += 0.85 * rim * colour[c]
    return light


def _night(
    layers: Layers, shape: tuple[int, int], unit: float, neon: Array, rng: np.random.Generator
) -> Array:
    """Return the place in the dark: its outlines, lamps and signs give the light."""
    assert layers.back and layers.back_line
    picture = as_array(layers.back)
    grey = luminance(picture)
    local = np.clip(0.5 + 1.3 * (grey - blur(grey, 80 * unit)), 0, 1)
    bright = np.clip(picture.max(axis=2) - 0.72, 0, 1) * 3.0
    lamps = np.clip(bright - blur(bright, 30 * unit) * 1.3, 0, 1)
    lines = as_array(layers.back_line) * (0.3 + 0.7 * noise(shape, 160 * unit, rng))
    glow = blur(np.clip(lines * 1.5, 0, 1), 8 * unit)
    signs = _holograms(shape, rng)
    halo = blur(np.clip(signs * 1.2, 0, 1), 14 * unit)
    y = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    for c, (above, below) in enumerate(((0.05, 0.1), (0.02, 0.02), (0.16, 0.2))):
        p = picture[..., c]
        colour = neon[..., c]
        light = colour * (0.8 * lines + 0.9 * glow + 0.5 * signs + 0.9 * halo) + 0.15 * signs
        light += lamps * (0.25 + 0.6 * colour) * p
        np.clip(light, 0, 1, out=light)
        p *= 0.24
        # Fog that the neon lights fill with colour; things stand in it as darker and lighter shapes.
        p += (0.06 + 0.7 * local * local) * colour + above + (below - above) * y
        p += (1 - p) * light
    return picture


def _holograms(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return floating signs of light: rings, triangles, hexagons, bars. No letters."""
    height, width = shape
    image = Image.new("L", (width * 2, height * 2))
    draw = ImageDraw.Draw(image)
    unit = max(width, height) * 2
    pen = max(2, round(0.005 * unit))
    for _ in range(rng.integers(4, 8)):
        x, y, s = rng.random() * width * 2, rng.random() * height * 1.3, unit * (0.02 + 0.04 * rng.random())
        sides = int(rng.choice([3, 4, 6, 6, 40]))
        turn = rng.random() * math.tau
        points = [
            (x + s * math.cos(turn + j * math.tau / sides), y + s * math.sin(turn + j * math.tau / sides))
            for j in range(sides + 1)
        ]
        draw.line(points, fill=215, width=pen, joint="curve")
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
