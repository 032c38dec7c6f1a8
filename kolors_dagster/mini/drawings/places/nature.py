"""Away from town: forest, sea, snow, meadow."""

import math

from kolors_dagster.mini.drawings.canvas import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval, smooth
from kolors_dagster.mini.drawings.scenery import paint_hills, paint_house, paint_pine, paint_sky, paint_tree
from kolors_dagster.mini.drawings.setting import Setting


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


def paint_snow(brush: Brush, s: Setting) -> None:
    """Paint a snow field: pale hills, firs, a cottage with lit windows, sometimes a snowman."""
    rng = s.rng
    paint_sky(brush, s, 0.62)
    white = times((244, 248, 255), s.light)
    paint_hills(brush, s, 0.6, 0.16, mix(white, s.sky[1], 0.55), 0.0, 2)
    paint_hills(brush, s, 0.66, 0.1, mix(white, s.sky[0], 0.2), 0.4, 3)
    for _ in range(round(s.half * 14)):
        x, y = rng.uniform(-s.half, s.half), rng.uniform(0.64, 0.71)
        paint_pine(
            brush,
            x,
            y,
            rng.uniform(0.12, 0.2),
            mix(times((88, 132, 122), s.light), s.sky[1], 0.25),
            True,
            0.4,
        )
    side = -1 if s.spot > 0 else 1
    hx = side * min(0.66, s.half * 0.66)
    paint_house(brush, hx, 0.76, 0.26, 0.16, (206, 152, 116), (244, 248, 255), s, 1)
    paint_hills(brush, s, 0.8, 0.05, white, 0.5, 3)
    for side_x in (-0.92, -0.55, 0.6, 0.95):
        if abs(side_x * s.half - s.spot) > 0.3:
            paint_pine(
                brush,
                side_x * s.half,
                0.84 + rng.uniform(-0.02, 0.03),
                rng.uniform(0.36, 0.56),
                times((72, 128, 108), s.light),
                True,
            )
    shade = times((214, 224, 246), s.light)
    for _ in range(5):
        x, y = rng.uniform(-s.half, s.half), rng.uniform(0.86, 0.98)
        brush.ink([(x - 0.1, y), (x, y - 0.012), (x + 0.1, y + 0.004)], shade, 1.4)
    if rng.random() < 0.5:
        _paint_snowman(brush, s, -side * min(0.56, s.half * 0.66), white)


def _paint_snowman(brush: Brush, s: Setting, x: float, white: Colour) -> None:
    m = brush.at(x, 0.9, 0.3)
    shade = m.look.shade(white)
    for y, r in ((-0.22, 0.26), (-0.58, 0.19)):
        m.oval(0, y, r, r * 0.94, white, 0.9, [(oval(-0.1, y + 0.16, r, r * 0.7), shade)])
    for e in (-0.07, 0.07):
        m.oval(e, -0.62, 0.022, 0.03, (56, 52, 66), 0)
    m.poly([(0, -0.58), (0.17, -0.54), (0, -0.53)], (244, 146, 70), 0.7)
    scarf = times(s.rng.choice(((222, 76, 84), (80, 140, 200), (240, 180, 80))), s.light)
    m.limb([(-0.18, -0.42), (0, -0.37), (0.18, -0.42)], [0.08, 0.09, 0.08], scarf, 0.8)
    m.limb([(0.1, -0.4), (0.14, -0.28), (0.12, -0.18)], [0.08, 0.08, 0.09], scarf, 0.8)
    for e in (-1, 1):
        m.ink([(e * 0.24, -0.3), (e * 0.42, -0.46)], (120, 86, 70), 1.6, taper=False, curved=False)


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
