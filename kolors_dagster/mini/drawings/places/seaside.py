"""The sea, with its beach."""

import math

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval, smooth
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_sky


def paint_sea(brush: Brush, s: Setting) -> None:
    """Paint the sea: bands of waves to the horizon, foam, a beach, a sail or a lighthouse."""
    rng = s.rng
    horizon = 0.52
    paint_sky(brush, s, horizon)
    w = s.half + 0.2
    far, near = times((62, 134, 196), s.light), times((118, 206, 214), s.light)
    brush.box(-w, horizon, w, 0.86, mix(far, s.sky[1], 0.15), 0, bottom=near)
    side = -1 if s.spot > 0 else 1
    if rng.random() < 0.5:
        _paint_lighthouse(brush, s, side * min(0.72, s.half * 0.74), horizon)
    else:
        x = side * min(0.6, s.half * 0.6)
        sail = brush.at(x, horizon + 0.02)
        sail.poly([(-0.01, -0.02), (-0.01, -0.17), (-0.09, -0.03)], times((255, 252, 246), s.light), 0.7)
        sail.poly([(0.005, -0.02), (0.005, -0.15), (0.07, -0.03)], times((244, 150, 140), s.light), 0.7)
        sail.poly(
            [(-0.1, -0.018), (0.09, -0.018), (0.06, 0.015), (-0.07, 0.015)],
            times((150, 96, 76), s.light),
            0.7,
        )
    for row in range(7):
        y = horizon + 0.02 + 0.045 * row * (1 + 0.06 * row)
        for _ in range(round(14 - row)):
            x, length = rng.uniform(-w, w), rng.uniform(0.03, 0.08) * (1 + 0.3 * row)
            brush.ink(
                [
                    (x - length, y),
                    (x - length * 0.3, y - 0.008 - 0.001 * row),
                    (x + length * 0.3, y + 0.004),
                    (x + length, y - 0.002),
                ],
                lighter(mix(far, near, row / 7), 0.45),
                0.7 + 0.14 * row,
            )
    sand = times((250, 226, 178), s.light)
    for k, (colour, y) in enumerate(
        ((lighter(near, 0.7), 0.835), (mix(sand, near, 0.35), 0.85), (sand, 0.872))
    ):
        n = 8
        edge = smooth(
            [(-w + 2 * w * j / n, y + 0.012 * math.sin(j * 1.9 + k * 0.6)) for j in range(n + 1)],
            closed=False,
        )
        brush.poly([*edge, (w, 1.1), (-w, 1.1)], colour, 0)
    for _ in range(30):
        brush.oval(rng.uniform(-w, w), rng.uniform(0.9, 1.0), 0.004, 0.002, mix(sand, (180, 130, 90), 0.4), 0)
    for _ in range(3):
        x, y = rng.choice((-1, 1)) * rng.uniform(0.35, 0.95) * s.half, rng.uniform(0.92, 0.97)
        c: Colour = times(rng.choice(((250, 170, 150), (255, 240, 230), (244, 190, 120))), s.light)
        brush.blob(
            [(x, y + 0.016), (x - 0.024, y), (x - 0.012, y - 0.018), (x + 0.012, y - 0.018), (x + 0.024, y)],
            c,
            0.7,
        )
    for _ in range(4):
        x, y, r = rng.uniform(-s.half, s.half), rng.uniform(s.top + 0.1, 0.34), rng.uniform(0.012, 0.024)
        brush.ink(
            [(x - 2 * r, y - 0.5 * r), (x - r, y - r), (x, y)],
            (250, 250, 255) if not s.night else (170, 180, 220),
            1.1,
        )
        brush.ink(
            [(x, y), (x + r, y - r), (x + 2 * r, y - 0.5 * r)],
            (250, 250, 255) if not s.night else (170, 180, 220),
            1.1,
        )


def _paint_lighthouse(brush: Brush, s: Setting, x: float, y: float) -> None:
    rock = times((140, 132, 140), s.light)
    brush.blob(
        [
            (x - 0.15, y + 0.04),
            (x - 0.1, y - 0.03),
            (x, y - 0.05),
            (x + 0.11, y - 0.02),
            (x + 0.17, y + 0.04),
        ],
        rock,
        0.8,
    )
    white, red = times((255, 250, 244), s.light), times((226, 92, 84), s.light)
    for k in range(4):
        a, b = 0.05 - 0.006 * k, 0.05 - 0.006 * (k + 1)
        y0, y1 = y - 0.03 - 0.075 * k, y - 0.03 - 0.075 * (k + 1)
        brush.poly([(x - a, y0), (x - b, y1), (x + b, y1), (x + a, y0)], white if k % 2 else red, 0.7)
    brush.box(x - 0.02, y - 0.375, x + 0.02, y - 0.33, (255, 240, 180), 0.7)
    brush.poly([(x - 0.03, y - 0.375), (x, y - 0.41), (x + 0.03, y - 0.375)], red, 0.7)
    if s.scene.time in ("night", "dusk"):
        brush.shine(oval(x, y - 0.35, 0.06, 0.06), (150, 130, 70))
        brush.shine([(x, y - 0.36), (x - 0.7, y - 0.5), (x - 0.7, y - 0.3)], (60, 54, 36))
