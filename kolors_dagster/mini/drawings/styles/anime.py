"""Anime 二次元: strong colours in pink and blue light, big glossy eyes, cool shadows, rays, sparkles."""

import math

import numpy as np
from PIL import Image, ImageDraw

from kolors_dagster.mini.drawings.colours import Colour, shift
from kolors_dagster.mini.drawings.compose import Layers
from kolors_dagster.mini.drawings.look import Look
from kolors_dagster.mini.drawings.styles.effects import Array, as_array, as_image, blur, noise


def _tone(colour: Colour) -> Colour:
    return shift(colour, 0.0, 1.5, 1.0)


LOOK = Look(
    pen=0.8,
    back_pen=0.35,
    ink=0.74,
    shadow=(0.8, 0.66, 0.86),
    eyes=1.24,
    gloss=1.4,
    gradient=0.34,
    layers=True,
    tone=_tone,
)


WARM = np.asarray([1.0, 0.3, 0.6], np.float32)
COOL = np.asarray([0.14, 0.26, 1.0], np.float32)


def finish(layers: Layers, rng: np.random.Generator) -> Image.Image:
    """Bathe the scene in pink light from one side and violet blue from below, with rays, bloom and sparkles.

    The figure stays clearer than what is behind it.
    """
    assert layers.mask is not None
    picture = as_array(layers.colour)
    height, width = picture.shape[:2]
    unit = max(width, height)
    mask = as_array(layers.mask)
    side = 1 if layers.head[0] < width / 2 else -1
    x = np.linspace(1, 0, width, dtype=np.float32)[None, ::side]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    across = np.clip(0.65 * y + 0.35 * x, 0, 1)
    edge = np.clip(mask - blur(np.roll(mask, 1, 0), 0.006 * height), 0, 1) * 0.2
    rays = _rays(width, height, side, rng) * (0.5 - 0.3 * mask)
    stars = _sparkles(layers, width, height, rng)
    bloom = blur(np.clip(picture - 0.5, 0, 1) * 1.6, 0.03 * unit)
    strength = 1.0 - 0.6 * mask
    haze = 0.26 * (1 - 0.7 * mask)
    # Channel by channel: a third of the memory traffic.
    for c, (ray, star) in enumerate(((1.0, 1.0), (0.86, 0.97), (0.9, 0.95))):
        p = picture[..., c]
        wash = WARM[c] + (COOL[c] - WARM[c]) * across
        p += p * (1 - p) * (0.7 * wash - 2.2 * (1 - wash) * p) * strength
        light = ray * rays + star * stars + (0.34 - 0.14 * mask) * bloom[..., c] + edge + haze * wash * wash
        np.clip(light, 0, 1, out=light)
        p += (1 - p) * light
    return as_image(picture)


def _rays(width: int, height: int, side: int, rng: np.random.Generator) -> Array:
    w, h = width // 4, height // 4
    ox = (1.08 if side > 0 else -0.08) * w
    xs, ys = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    angle = np.arctan2(ys + 0.12 * h, np.abs(xs - ox)) / (math.pi / 2)
    profile = noise((1, 256), 14, rng, 3)[0]
    beams = np.interp(angle, np.linspace(0, 1, 256), np.clip((profile - 0.5) * 3.2, 0, 1)).astype(np.float32)
    distance = np.hypot((xs - ox) / w, ys / h)
    light = beams * np.clip(1.15 - distance * 0.8, 0, 1) + np.clip(0.75 - distance, 0, 1) * 0.9
    return as_array(as_image(light).resize((width, height), Image.Resampling.BILINEAR))


def _sparkles(layers: Layers, width: int, height: int, rng: np.random.Generator) -> Array:
    """Return the light of discs and four-pointed stars, away from the face."""
    unit = max(width, height)
    scale = 2
    over = Image.new("L", (width * scale, height * scale))
    draw = ImageDraw.Draw(over)
    for _ in range(round(16 + 10 * rng.random())):
        x, y = rng.random() * width, rng.random() * height
        if math.hypot(x - layers.head[0], y - layers.head[1]) < 0.75 * layers.unit:
            continue
        r = unit * (0.006 + 0.02 * rng.random() ** 2) * scale
        draw.ellipse(
            (x * scale - r, y * scale - r, x * scale + r, y * scale + r), fill=round(40 + 70 * rng.random())
        )
    for _ in range(round(18 + 12 * rng.random())):
        x, y = rng.random() * width, rng.random() * height
        if math.hypot(x - layers.head[0], y - layers.head[1]) < 0.62 * layers.unit:
            continue
        r = unit * (0.006 + 0.02 * rng.random() ** 2) * scale
        points = [
            (
                x * scale + (r if k % 2 == 0 else r * 0.16) * math.sin(k * math.pi / 4),
                y * scale - (r if k % 2 == 0 else r * 0.16) * math.cos(k * math.pi / 4),
            )
            for k in range(8)
        ]
        draw.polygon(points, fill=235)
    stars = as_array(over.reduce(scale))
    return stars + 0.9 * blur(stars, 0.005 * unit)
