"""Skies: sun, moon, stars, clouds. Unit: the height of the view."""

import math
from random import Random

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix
from kolors_dagster.mini.drawings.geometry import oval
from kolors_dagster.mini.drawings.setting import Setting


def paint_sky(brush: Brush, s: Setting, horizon: float) -> None:
    """Paint the sky down to the horizon with what the hour and the weather put in it."""
    top, low = s.sky
    brush.box(-s.half - 0.2, s.top - 0.1, s.half + 0.2, horizon + 0.05, top, 0, bottom=low)
    rng = s.rng
    side = -1 if s.spot > 0 or (s.spot == 0 and rng.random() < 0.5) else 1
    x, y = side * s.half * rng.uniform(0.5, 0.72), s.top + 0.16 + rng.uniform(0, 0.08)
    clear = s.scene.weather == "clear"
    if s.night and clear:
        for _ in range(90):
            r = rng.choice((0.0012, 0.0018, 0.0018, 0.003))
            brush.oval(
                rng.uniform(-s.half, s.half),
                rng.uniform(s.top, horizon),
                r,
                r,
                mix((255, 255, 255), top, rng.uniform(0, 0.6)),
                0,
            )
        brush.shine(oval(x, y, 0.11, 0.11), (70, 74, 96))
        brush.oval(
            x,
            y,
            0.058,
            0.058,
            (255, 246, 214),
            0,
            [
                (oval(x + 0.03, y + 0.015, 0.055, 0.055), (240, 226, 190)),
                (oval(x - 0.02, y - 0.015, 0.012, 0.01), (240, 226, 190)),
            ],
        )
    elif clear:
        warm = (255, 224, 150) if s.scene.time != "day" else (255, 246, 206)
        brush.shine(oval(x, y, 0.15, 0.15), (96, 78, 50))
        brush.oval(x, y, 0.055, 0.055, warm, 0)
    count = 3 if clear else 6
    for _ in range(count):
        cx, cy = rng.uniform(-s.half, s.half), rng.uniform(s.top + 0.06, s.top + (horizon - s.top) * 0.55)
        base = mix(low, (255, 255, 255), 0.55) if not s.night else lighter(top, 0.14)
        paint_cloud(brush, cx, cy, rng.uniform(0.1, 0.22), base, mix(base, top, 0.22), rng)
    if s.scene.thing == "shooting_star":
        paint_shooting_star(brush, s)


def paint_cloud(
    brush: Brush, x: float, y: float, size: float, colour: Colour, shade: Colour, rng: Random
) -> None:
    """Paint a cloud of round heaps on a flat bottom, shaded below."""
    n = rng.randint(4, 6)
    heaps = [(x, y - 0.2 * size, 0.36 * size)]
    for k in range(n):
        a = math.pi * (k + 0.5) / n
        r = size * rng.uniform(0.2, 0.3) * (0.7 + 0.5 * math.sin(a))
        heaps.append((x - size * 0.78 * math.cos(a), y - r * 0.8 - size * 0.16 * math.sin(a), r))
    for hx, hy, r in heaps:
        brush.oval(hx, hy, r, r, shade, 0)
    brush.box(x - size, y - size * 0.16, x + size, y, shade, 0, round_by=size * 0.08)
    for hx, hy, r in heaps:
        brush.oval(hx - 0.06 * size, hy - 0.1 * r - 0.02 * size, r * 0.88, r * 0.84, colour, 0)


def paint_shooting_star(brush: Brush, s: Setting) -> None:
    """Paint a shooting star with its trail across the upper sky, away from the head."""
    side = 1 if s.spot <= 0 else -1
    x, y = side * s.half * 0.36 + s.spot * 0.2, s.top + 0.17
    tail = (x + side * 0.3, y - 0.14)
    brush.poly([(x, y - 0.012), tail, (x + 0.004, y + 0.014)], (255, 250, 220), 0)
    brush.poly([(x, y - 0.006), (x + side * 0.2, y - 0.03), (x, y + 0.01)], (190, 214, 255), 0)
    brush.shine([(x, y - 0.03), tail, (x, y + 0.03)], (120, 130, 160))
    brush.shine(oval(x, y, 0.05, 0.05), (160, 150, 110))
    paint_star(brush, x, y, 0.034, (255, 246, 190))


def paint_star(brush: Brush, x: float, y: float, r: float, colour: Colour) -> None:
    """Paint a five-pointed star."""
    points = [
        (
            x + (r if k % 2 == 0 else r * 0.46) * math.sin(k * math.pi / 5 + 0.2),
            y - (r if k % 2 == 0 else r * 0.46) * math.cos(k * math.pi / 5 + 0.2),
        )
        for k in range(10)
    ]
    brush.poly(points, colour, 0)
