"""Parts of places: skies, clouds, trees, hills, houses, windows. Unit: the height of the view."""

import math
from random import Random

from kolors_dagster.mini.drawings.canvas import Brush, rectangle
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import Point, oval, smooth
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
    """Paint a flat-bottomed cloud of round heaps."""
    bumps = [(x - size, y)]
    n = rng.randint(4, 6)
    for k in range(n):
        a = math.pi * (1 - (k + 0.5) / n)
        swell = rng.uniform(0.34, 0.5) * size * (0.6 + 0.6 * math.sin(a))
        cx, cy = x + size * 0.85 * math.cos(a), y - swell * 0.7
        bumps += [(cx + swell * 0.62 * math.cos(b), cy - swell * math.sin(b)) for b in (2.6, 1.57, 0.54)]
    bumps += [(x + size, y), (x + size * 0.5, y + size * 0.1), (x - size * 0.5, y + size * 0.1)]
    low = smooth(
        [
            (x - size * 1.2, y - size * 0.02),
            (x - 0.3 * size, y - size * 0.16),
            (x + 0.4 * size, y - size * 0.05),
            (x + size * 1.2, y - size * 0.14),
            (x + size * 1.2, y + size),
            (x - size * 1.2, y + size),
        ]
    )
    brush.blob(bumps, colour, 0, [(low, shade)])


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


def paint_hills(
    brush: Brush, s: Setting, y: float, height: float, colour: Colour, line: float = 0.0, waves: int = 3
) -> None:
    """Paint a row of soft hills from `y` up to `height` above it, filled to the bottom."""
    rng = s.rng
    n = waves * 2 + 1
    ridge: list[Point] = [
        (
            -s.half - 0.3 + (2 * s.half + 0.6) * k / n,
            y - height * (rng.uniform(0.5, 1.0) if k % 2 else rng.uniform(0.0, 0.35)),
        )
        for k in range(n + 1)
    ]
    line_points = smooth(ridge, closed=False)
    brush.poly(
        [*line_points, (s.half + 0.3, 1.2), (-s.half - 0.3, 1.2)],
        colour,
        line,
        bottom=mix(colour, (255, 255, 255), 0.06),
    )


def paint_tree(
    brush: Brush, x: float, y: float, size: float, leaf: Colour, rng: Random, line: float = 0.8
) -> None:
    """Paint a leafy tree with its foot at (x, y), `size` high."""
    t = brush.at(x, y, size)
    bark = mix((122, 88, 70), leaf, 0.12)
    t.blob(
        [(-0.07, 0.01), (-0.04, -0.3), (-0.12, -0.48), (0.12, -0.48), (0.045, -0.3), (0.08, 0.01)],
        bark,
        line,
        [([(0, 0.1), (0.01, -0.5), (0.2, -0.5), (0.2, 0.1)], t.look.shade(bark))],
    )
    crown: list[Point] = []
    n = 9
    for k in range(n):
        a = 2 * math.pi * k / n + rng.uniform(-0.1, 0.1)
        r = 1 + rng.uniform(-0.08, 0.12)
        crown += [
            (0.32 * r * math.cos(a), -0.66 + 0.3 * r * math.sin(a)),
            (0.29 * math.cos(a + 0.35), -0.66 + 0.27 * math.sin(a + 0.35)),
        ]
    dark, light = t.look.shade(leaf, 1.2), lighter(mix(leaf, (240, 230, 120), 0.25), 0.12)
    t.blob(
        crown,
        leaf,
        line,
        [
            (
                smooth(
                    [
                        (-0.4, -0.5),
                        (-0.1, -0.56),
                        (0.12, -0.48),
                        (0.3, -0.62),
                        (0.45, -0.5),
                        (0.3, -0.2),
                        (-0.3, -0.2),
                    ]
                ),
                dark,
            )
        ],
    )
    for _ in range(5):
        a, r = rng.uniform(0, 6.28), rng.uniform(0.05, 0.2)
        cx, cy = r * math.cos(a) - 0.06, -0.74 + r * 0.7 * math.sin(a)
        t.blob(
            [
                (cx - 0.07, cy + 0.02),
                (cx - 0.03, cy - 0.03),
                (cx + 0.04, cy - 0.03),
                (cx + 0.08, cy + 0.02),
                (cx, cy + 0.005),
            ],
            light,
            0,
        )


def paint_pine(
    brush: Brush, x: float, y: float, size: float, leaf: Colour, snow: bool, line: float = 0.7
) -> None:
    """Paint a fir with its foot at (x, y), `size` high, with snow on its branches or not."""
    t = brush.at(x, y, size)
    t.box(-0.04, -0.16, 0.04, 0.0, (104, 78, 66), line)
    for k in range(4):
        base, w = -0.12 - 0.2 * k, 0.32 - 0.065 * k
        tier = [
            (0, base - 0.34),
            (w * 0.5, base - 0.1),
            (w, base),
            (w * 0.5, base + 0.035),
            (0, base + 0.01),
            (-w * 0.5, base + 0.035),
            (-w, base),
            (-w * 0.5, base - 0.1),
        ]
        shades = [
            (
                smooth(
                    [(0.02, base - 0.4), (0.03, base + 0.1), (w * 1.2, base + 0.1), (w * 0.4, base - 0.2)]
                ),
                t.look.shade(leaf),
            )
        ]
        if snow:
            shades.append(
                (
                    smooth(
                        [
                            (0, base - 0.4),
                            (w * 0.62, base - 0.1),
                            (w * 0.2, base - 0.13),
                            (-0.05, base - 0.08),
                            (-w * 0.62, base - 0.06),
                            (-w, base - 0.1),
                        ]
                    ),
                    (246, 250, 255),
                )
            )
        t.poly(tier, leaf, line, shades)


def paint_window(
    brush: Brush, s: Setting, x0: float, y0: float, x1: float, y1: float, curtain: Colour | None
) -> None:
    """Paint a window on the sky outside, with curtains or without."""
    top, low = s.sky
    frame = times((252, 246, 236), s.light)
    brush.box(x0 - 0.018, y0 - 0.018, x1 + 0.018, y1 + 0.018, frame, 1.0)
    brush.box(x0, y0, x1, y1, top, 0.8, bottom=low)
    w, h = x1 - x0, y1 - y0
    rng = s.rng
    if s.night:
        for _ in range(12):
            brush.oval(rng.uniform(x0, x1), rng.uniform(y0, y0 + h * 0.7), 0.002, 0.002, (255, 250, 230), 0)
        brush.oval(x0 + w * 0.7, y0 + h * 0.28, 0.03, 0.03, (255, 244, 204), 0)
    else:
        paint_cloud(
            brush, x0 + w * 0.5, y0 + h * 0.45, w * 0.24, (255, 255, 255), mix(low, (255, 255, 255), 0.4), rng
        )
        green = times((136, 190, 140), s.light)
        brush.poly(
            [
                *smooth(
                    [
                        (x0, y1 - h * 0.14),
                        (x0 + w * 0.3, y1 - h * 0.24),
                        (x0 + w * 0.7, y1 - h * 0.12),
                        (x1, y1 - h * 0.2),
                    ],
                    closed=False,
                ),
                (x1, y1),
                (x0, y1),
            ],
            green,
            0,
        )
        brush.glass(
            [(x0 + w * 0.12, y1), (x0 + w * 0.42, y0), (x0 + w * 0.56, y0), (x0 + w * 0.26, y1)],
            (255, 255, 255),
            0.22,
        )
    brush.box((x0 + x1) / 2 - 0.007, y0, (x0 + x1) / 2 + 0.007, y1, frame, 0.6)
    brush.box(x0, y0 + h * 0.45 - 0.006, x1, y0 + h * 0.45 + 0.006, frame, 0.6)
    brush.box(x0 - 0.035, y1 + 0.012, x1 + 0.035, y1 + 0.035, frame, 0.9)
    if curtain:
        paint_curtain(brush, x0 - 0.05, y0 - 0.04, w * 0.3, h + 0.16, curtain, -1)
        paint_curtain(brush, x1 + 0.05, y0 - 0.04, w * 0.3, h + 0.16, curtain, 1)
        brush.box(x0 - 0.07, y0 - 0.05, x1 + 0.07, y0 - 0.036, (140, 104, 84), 0.7, round_by=0.006)


def paint_curtain(
    brush: Brush, x: float, y: float, width: float, height: float, colour: Colour, side: int
) -> None:
    """Paint a hanging curtain whose outer edge is at `x`; `side` -1 hangs at the left of its opening."""
    inner = x - side * width
    pinch = x - side * width * 0.45
    shape = [
        (x, y),
        (inner, y),
        (inner, y),
        (pinch, y + height * 0.62),
        (pinch - side * width * 0.15, y + height),
        (x, y + height),
        (x, y + height),
    ]
    folds = []
    for k in (0.2, 0.5, 0.8):
        fx = x - side * width * k
        bx = x - side * width * k * 0.5
        folds.append(
            (
                smooth(
                    [
                        (fx, y - 0.01),
                        (fx - side * width * 0.08, y),
                        (bx, y + height),
                        (bx + side * width * 0.08, y + height),
                    ]
                ),
                brush.look.shade(colour, 0.8),
            )
        )
    brush.blob(shape, colour, 0.9, folds)


def paint_house(
    brush: Brush,
    x: float,
    y: float,
    width: float,
    height: float,
    wall: Colour,
    roof: Colour,
    s: Setting,
    floors: int,
) -> None:
    """Paint a friendly house front with windows; its foot is at (x, y)."""
    light = s.light
    wall, roof = times(wall, light), times(roof, light)
    brush.box(
        x - width / 2,
        y - height,
        x + width / 2,
        y,
        lighter(wall, 0.1),
        0.9,
        bottom=wall,
        shades=[(rectangle(x + width * 0.34, y - height, x + width, y), brush.look.shade(wall))],
    )
    brush.poly(
        [
            (x - width * 0.58, y - height),
            (x - width * 0.4, y - height - 0.11),
            (x + width * 0.4, y - height - 0.11),
            (x + width * 0.58, y - height),
        ],
        roof,
        0.9,
        [
            (
                [
                    (x - width, y - height + 0.01),
                    (x - width, y - height - 0.025),
                    (x + width, y - height - 0.025),
                    (x + width, y - height + 0.01),
                ],
                brush.look.shade(roof),
            )
        ],
    )
    glow: Colour = (255, 222, 140)
    rows = [y - height + height * (k + 0.28) / (floors + 0.6) for k in range(floors)]
    columns = max(2, round(width / 0.11))
    for wy in rows:
        for c in range(columns):
            wx = x - width / 2 + width * (c + 0.5) / columns
            lit = s.scene.time in ("night", "dusk") and s.rng.random() < 0.6
            pane = glow if lit else times((160, 200, 222), light)
            brush.box(
                wx - 0.024,
                wy - 0.035,
                wx + 0.024,
                wy + 0.035,
                pane,
                0.8,
                shades=[
                    (
                        [
                            (wx - 0.02, wy + 0.04),
                            (wx + 0.01, wy - 0.04),
                            (wx + 0.024, wy - 0.04),
                            (wx + 0.0, wy + 0.04),
                        ],
                        lighter(pane, 0.4),
                    )
                ],
            )
            brush.box(wx - 0.03, wy + 0.035, wx + 0.03, wy + 0.043, lighter(wall, 0.4), 0.6)
            if lit:
                brush.shine(oval(wx, wy, 0.03, 0.04), (60, 44, 16))


def paint_plant(
    brush: Brush, x: float, y: float, size: float, light: tuple[float, float, float], rng: Random
) -> None:
    """Paint a pot plant with its foot at (x, y)."""
    p = brush.at(x, y, size)
    for k in range(7):
        a = math.radians(-160 + 140 * k / 6 + rng.uniform(-8, 8))
        r = rng.uniform(0.5, 0.7)
        tip = (r * math.cos(a), -0.32 + r * math.sin(a))
        mid = (tip[0] * 0.6, -0.32 + (tip[1] + 0.32) * 0.75)
        leaf = times(mix((84, 158, 104), (140, 190, 110), rng.random()), light)
        p.blob([(0, -0.3), (mid[0] - 0.07, mid[1]), tip, tip, (mid[0] + 0.07, mid[1] + 0.05)], leaf, 0.8)
    pot = times((214, 128, 96), light)
    p.poly(
        [(-0.17, -0.34), (0.17, -0.34), (0.12, 0), (-0.12, 0)],
        pot,
        0.9,
        [([(0.04, -0.4), (0.2, -0.4), (0.2, 0.1), (0.02, 0.1)], p.look.shade(pot))],
    )
    p.box(-0.19, -0.38, 0.19, -0.3, lighter(pot, 0.12), 0.9, round_by=0.02)
