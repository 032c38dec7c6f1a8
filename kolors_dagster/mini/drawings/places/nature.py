"""Away from town: forest, sea, snow, meadow."""

import math

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval
from kolors_dagster.mini.drawings.plants import paint_hills, paint_tree
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_sky


def paint_forest(brush: Brush, s: Setting) -> None:
    """Paint a forest: trunks in three depths, a leaf roof, ferns, shafts of light."""
    rng = s.rng
    w = s.half + 0.2
    glow = times((206, 232, 176), s.light)
    deep = times((88, 146, 112), s.light)
    brush.box(-w, s.top - 0.1, w, 0.85, mix(deep, glow, 0.35), 0, bottom=glow)
    for depth in range(3):
        tone = mix(glow, times((70, 112, 92), s.light), 0.34 + 0.26 * depth)
        n = round((2 * w) / (0.13 + 0.07 * depth))
        for k in range(n):
            x = -w + 2 * w * (k + rng.uniform(0.1, 0.9)) / n
            if depth == 2 and abs(x - s.spot) < 0.24:
                continue
            t = 0.02 + 0.018 * depth
            lean = rng.uniform(-0.03, 0.03)
            bark = mix(tone, times((112, 78, 64), s.light), 0.2 + 0.25 * depth)
            brush.poly(
                [
                    (x - t * 1.6, 0.8 + 0.03 * depth),
                    (x - t * 0.8, 0.7),
                    (x - t * 0.6 + lean, s.top - 0.1),
                    (x + t * 0.6 + lean, s.top - 0.1),
                    (x + t * 0.8, 0.7),
                    (x + t * 1.6, 0.8 + 0.03 * depth),
                ],
                bark,
                0.5 * depth,
                [
                    (
                        [
                            (x + t * 0.1, 1),
                            (x + t * 0.1 + lean, s.top - 0.1),
                            (x + 0.3, s.top - 0.1),
                            (x + 0.3, 1),
                        ],
                        brush.look.shade(bark),
                    )
                ],
            )
        m = round(2 * w / 0.2)
        for k in range(m + 1):
            x, y = -w + 2 * w * k / m, s.top + 0.02 + 0.05 * (2 - depth)
            r = rng.uniform(0.11, 0.17)
            leaf = mix(tone, times((110, 176, 96), s.light), 0.45)
            points = [
                (
                    x + r * (1 + 0.16 * (j % 2)) * math.cos(j * math.pi / 6),
                    y + 0.7 * r * (1 + 0.16 * (j % 2)) * math.sin(j * math.pi / 6),
                )
                for j in range(12)
            ]
            brush.blob(points, leaf, 0.35 * depth)
    moss = times((124, 178, 104), s.light)
    paint_hills(brush, s, 0.83, 0.035, moss, 0.5, 4)
    path = times((226, 200, 150), s.light)
    brush.blob(
        [
            (s.spot - 0.05, 0.81),
            (s.spot + 0.06, 0.81),
            (s.spot + 0.2, 0.9),
            (s.spot + 0.5, 1.1),
            (s.spot - 0.5, 1.1),
            (s.spot - 0.2, 0.9),
        ],
        mix(path, moss, 0.2),
        0,
    )
    if s.scene.time in ("morning", "day", "dusk") and s.scene.weather == "clear":
        for k in range(4):
            x = -s.half + 2 * s.half * (k + rng.random()) / 4
            brush.shine(
                [(x, s.top - 0.05), (x + 0.07, s.top - 0.05), (x - 0.12, 0.9), (x - 0.3, 0.9)], (52, 50, 26)
            )
    else:
        for _ in range(14):
            x, y = rng.uniform(-w, w), rng.uniform(0.4, 0.9)
            brush.oval(x, y, 0.005, 0.005, (244, 255, 170), 0)
            brush.shine(oval(x, y, 0.022, 0.022), (110, 120, 50))
    _paint_tufts(brush, s, moss, 18)
    for _ in range(5):
        x = rng.choice((-1, 1)) * rng.uniform(0.3, 1.0) * s.half
        _paint_mushroom(brush, s, x, rng.uniform(0.87, 0.97))


def paint_meadow(brush: Brush, s: Setting) -> None:
    """Paint a meadow: far mountains, rolling hills, a tree, flowers in the grass."""
    rng = s.rng
    paint_sky(brush, s, 0.62)
    paint_hills(brush, s, 0.6, 0.2, mix(times((140, 166, 200), s.light), s.sky[1], 0.45), 0.0, 2)
    paint_hills(brush, s, 0.66, 0.12, mix(times((136, 190, 140), s.light), s.sky[1], 0.2), 0.3, 3)
    grass = times((146, 204, 110), s.light)
    for _ in range(round(s.half * 9)):
        paint_tree(
            brush,
            rng.uniform(-s.half, s.half),
            rng.uniform(0.66, 0.7),
            rng.uniform(0.08, 0.14),
            mix(times((104, 168, 108), s.light), s.sky[1], 0.2),
            rng,
            0.35,
        )
    paint_hills(brush, s, 0.76, 0.07, lighter(grass, 0.12), 0.5, 2)
    side = -1 if s.spot > 0 else 1
    paint_tree(
        brush,
        side * min(0.66, s.half * 0.72),
        0.82,
        0.62,
        times(rng.choice(((104, 176, 96), (248, 178, 196), (240, 186, 96))), s.light),
        rng,
    )
    paint_hills(brush, s, 0.84, 0.02, grass, 0.5, 3)
    _paint_tufts(brush, s, grass, 26)
    for _ in range(round(s.half * 60)):
        x, y = rng.uniform(-s.half, s.half), rng.uniform(0.845, 0.99)
        r = 0.005 + 0.05 * (y - 0.8) * 0.9
        petal = times(
            rng.choice(((255, 255, 250), (255, 214, 110), (250, 156, 180), (176, 150, 232))), s.light
        )
        brush.ink([(x, y + 2.4 * r), (x, y)], times((100, 160, 90), s.light), 0.7, taper=False, curved=False)
        for a in range(5):
            brush.oval(
                x + 0.75 * r * math.cos(a * 1.257),
                y + 0.75 * r * math.sin(a * 1.257),
                0.62 * r,
                0.62 * r,
                petal,
                0,
            )
        brush.oval(x, y, 0.45 * r, 0.45 * r, (255, 206, 90) if petal[2] > 130 else (230, 130, 60), 0)


def _paint_tufts(brush: Brush, s: Setting, grass: Colour, count: int) -> None:
    rng = s.rng
    for _ in range(count):
        x, y = rng.uniform(-s.half, s.half), rng.uniform(0.85, 1.0)
        size = 0.02 + 0.2 * (y - 0.8)
        blade = mix(grass, times((80, 140, 90), s.light), rng.uniform(0.2, 0.7))
        for e in (-0.5, -0.2, 0.15, 0.5):
            brush.poly(
                [
                    (x + e * size * 0.4 - 0.003, y),
                    (x + e * size, y - size * rng.uniform(0.6, 1.0)),
                    (x + e * size * 0.4 + 0.003, y),
                ],
                blade,
                0,
            )


def _paint_mushroom(brush: Brush, s: Setting, x: float, y: float) -> None:
    m = brush.at(x, y, 0.05)
    m.blob([(-0.16, 0), (-0.12, -0.4), (0.12, -0.4), (0.16, 0)], times((250, 240, 222), s.light), 0.7)
    m.blob(
        [(-0.5, -0.36), (-0.34, -0.7), (0, -0.84), (0.34, -0.7), (0.5, -0.36), (0, -0.3)],
        times((224, 84, 76), s.light),
        0.7,
    )
    for dx, dy in ((-0.2, -0.6), (0.16, -0.66), (0.04, -0.44)):
        m.oval(dx, dy, 0.08, 0.07, (255, 250, 244), 0)
