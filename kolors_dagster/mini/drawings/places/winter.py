"""A snow field."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.buildings import paint_house
from kolors_dagster.mini.drawings.colours import Colour, mix, times
from kolors_dagster.mini.drawings.geometry import oval
from kolors_dagster.mini.drawings.plants import paint_hills, paint_pine
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_sky


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
