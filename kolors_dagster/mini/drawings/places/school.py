"""Where songs happen: the stage, the concert seats, the practice room, the dressing room."""

import math

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.buildings import paint_window
from kolors_dagster.mini.drawings.colours import lighter, times
from kolors_dagster.mini.drawings.geometry import oval
from kolors_dagster.mini.drawings.places.rooms import paint_wall_and_floor
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_star


def paint_classroom(brush: Brush, s: Setting) -> None:
    """Paint a classroom: a blackboard with chalk doodles, windows, desks."""
    rng = s.rng
    paint_wall_and_floor(brush, s, (240, 232, 210), (214, 172, 128), 0.72, "plain")
    side = 1 if rng.random() < 0.5 else -1
    bx = -side * min(0.3, s.half * 0.28)
    green = times((62, 112, 92), s.light)
    brush.box(bx - 0.46, 0.08, bx + 0.46, 0.48, times((170, 120, 84), s.light), 1.0)
    brush.box(bx - 0.44, 0.1, bx + 0.44, 0.46, lighter(green, 0.05), 0.5, bottom=green)
    chalk = lighter(green, 0.72)
    for k in range(3):
        x, y = bx - 0.3 + 0.3 * k, 0.24 + 0.04 * rng.random()
        kind = rng.choice(("flower", "star", "sun", "house"))
        if kind == "star":
            paint_star(brush, x, y, 0.05, chalk)
        elif kind == "house":
            brush.ink(
                [
                    (x - 0.05, y + 0.06),
                    (x - 0.05, y),
                    (x, y - 0.05),
                    (x + 0.05, y),
                    (x + 0.05, y + 0.06),
                    (x - 0.05, y + 0.06),
                ],
                chalk,
                1.0,
                taper=False,
                curved=False,
            )
        else:
            for a in range(8):
                c, d = math.cos(a * math.pi / 4), math.sin(a * math.pi / 4)
                brush.ink(
                    [(x + 0.035 * c, y + 0.035 * d), (x + 0.06 * c, y + 0.06 * d)],
                    chalk,
                    1.1 if kind == "sun" else 2.2,
                    taper=False,
                    curved=False,
                )
            ring = oval(x, y, 0.028, 0.028)
            brush.ink([*ring, ring[0]], chalk, 1.0, taper=False, curved=False)
    brush.box(bx - 0.47, 0.475, bx + 0.47, 0.495, times((196, 148, 106), s.light), 0.8)
    wx = side * min(0.78, s.half * 0.8)
    paint_window(brush, s, wx - 0.16, 0.09, wx + 0.16, 0.5, None)
    wood = times((220, 172, 118), s.light)
    n = max(3, round(s.half * 2 / 0.36))
    for k in range(n):
        x = -s.half + 2 * s.half * (k + 0.5) / n
        if abs(x - s.spot) < 0.16 and s.scene.framing in ("full", "side"):
            continue
        brush.ink([(x - 0.1, 0.7), (x - 0.12, 0.9)], (140, 140, 152), 1.8, taper=False, curved=False)
        brush.ink([(x + 0.1, 0.7), (x + 0.12, 0.9)], (140, 140, 152), 1.8, taper=False, curved=False)
        brush.poly(
            [(x - 0.12, 0.68), (x + 0.12, 0.68), (x + 0.15, 0.735), (x - 0.15, 0.735)],
            lighter(wood, 0.2),
            0.9,
        )
        brush.box(x - 0.15, 0.735, x + 0.15, 0.775, wood, 0.9)
