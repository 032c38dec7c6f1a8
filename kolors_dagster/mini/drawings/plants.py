"""Hills, trees and plants. Unit: the height of the view."""

import math
from random import Random

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import Point, smooth
from kolors_dagster.mini.drawings.setting import Setting


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
