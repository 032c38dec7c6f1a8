"""Watercolour 水彩: pale washes over a glaze of aqua and peach, wet edges, a broad unpainted margin."""

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
    grain,
    luminance,
    misty_margin,
    noise,
)

PAPER = np.asarray([0.995, 0.99, 0.975], np.float32)
# The glaze under every place, as what it takes from white: aqua above, peach below.
AQUA = np.asarray([0.28, 0.05, 0.04], np.float32)
PEACH = np.asarray([0.0, 0.1, 0.19], np.float32)
# What dark paint thins out to: night is a wash of indigo and lilac, never black.
INDIGO = np.asarray([0.64, 0.67, 0.92], np.float32)


def _tone(colour: Colour) -> Colour:
    return mix(shift(colour, 0.0, 1.06, 1.05), (255, 250, 244), 0.1)


LOOK = Look(pen=0.55, back_pen=0.5, ink=0.0, shadow=(0.86, 0.82, 0.94), gradient=0.3, layers=True, tone=_tone)


def finish(layers: Layers, rng: np.random.Generator) -> Image.Image:
    """Treat colour as thin pigment on paper: light shines through it, and water moves it about."""
    assert layers.mask and layers.line
    width, height = layers.colour.size
    shape, unit = (height, width), max(width, height) / 1000
    tooth = _tooth(shape, rng)
    mask = as_array(layers.mask)
    near = blur(mask, 4 * unit)[..., None]
    # The loose wash is soft, so it is made at half the size.
    wash = displace(blur(as_array(layers.colour.reduce(2)), 2.5 * unit), 5 * unit, 24 * unit, rng)
    loose = as_array(as_image(wash).resize((width, height), Image.Resampling.BILINEAR))
    tight = displace(as_array(layers.colour), 2.0 * unit, 24 * unit, rng)
    place = _thin(loose, 0.58)
    # Night takes no more paint than day: every picture is about equally pale.
    place *= min(0.7, 0.13 / place[::8, ::8].mean())
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    place += AQUA + (PEACH - AQUA) * np.clip(1.6 * down - 0.3, 0, 1)
    pigment = place * (1 - near) + _thin(tight, 0.8) * near
    pigment += 0.7 * np.maximum(pigment - blur(pigment, 9 * unit), -0.02)
    bleed = noise(shape, 170 * unit, rng, 3)
    blooms = np.clip((noise(shape, 110 * unit, rng, 2) - 0.58) * 3.2, 0, 1)
    flow = (0.62 + 0.76 * bleed) * (1 - 0.4 * blooms)
    pigment *= 1 + (flow[..., None] - 1) * (1 - 0.6 * near)
    pigment *= 0.9 + 0.2 * tooth[..., None]
    painted = misty_margin(shape, 0.03, 0.24, 170 * unit, rng)[..., None]
    pigment *= painted + (1 - painted) * near * 0.8
    pencil = displace(as_array(layers.line), 1.2 * unit, 40 * unit, rng) * (0.1 + 0.22 * mask)
    pigment += (1 - pigment) * (pencil * (painted[..., 0] + mask) / 2)[..., None] * 0.8
    paper = (1 - 0.03 * (1 - tooth))[..., None] * PAPER
    return as_image(_splatter(paper * (1 - np.clip(pigment, 0, 0.95)), layers, rng))


def _thin(colour: Array, strength: float) -> Array:
    """Return the pigment (what it takes from white) of a colour in a thin, clean wash."""
    grey = luminance(colour)[..., None]
    light = 1 - strength * (1 - grey)
    chroma = (colour - grey) * (0.75 + 0.45 * strength)
    dark = np.clip(1.25 - 2.2 * grey, 0, 1) * (1 - strength)
    tinted = light + chroma
    tinted += (INDIGO + (1 - INDIGO) * light * 0.55 - tinted) * dark
    return 1 - np.clip(tinted, 0, 1)


def _tooth(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    fine = blur(grain(shape, rng), 1.0)
    bumps = noise(shape, 5, rng)
    return np.clip(0.5 + (fine - 0.5) * 2.2 + (bumps - 0.5) * 0.5, 0, 1)


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
    tint = 1 - picture[height // 2, int(width * (0.3 + 0.4 * rng.random()))]
    return picture * (1 - blur(as_array(drops), 1.0)[..., None] * (0.1 + 0.65 * tint))
