"""The stage and the concert seats."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.buildings import paint_curtain
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix
from kolors_dagster.mini.drawings.geometry import oval
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_star

BEAMS: tuple[Colour, ...] = ((120, 60, 130), (60, 80, 150), (140, 80, 60), (50, 110, 130), (130, 60, 80))


def paint_stage(brush: Brush, s: Setting) -> None:
    """Paint a stage: glowing backdrop, beams from above, a polished floor, curtains at the sides."""
    rng = s.rng
    w = s.half + 0.2
    back: Colour = rng.choice(((58, 36, 96), (36, 44, 104), (86, 34, 84)))
    brush.box(-w, s.top - 0.1, w, 0.76, mix(back, (10, 8, 30), 0.55), 0, bottom=lighter(back, 0.22))
    for _ in range(26):
        r = rng.choice((0.004, 0.006, 0.01))
        paint_star(
            brush, rng.uniform(-w, w), rng.uniform(s.top, 0.6), r * 1.6, lighter(back, rng.uniform(0.25, 0.6))
        )
    floor = mix(back, (150, 110, 160), 0.35)
    brush.box(-w, 0.76, w, 1.05, lighter(floor, 0.16), 0.7, bottom=mix(floor, (20, 10, 40), 0.4))
    for k in range(-8, 9):
        brush.ink(
            [(k * 0.16, 0.76), (k * 0.4, 1.05)], mix(floor, (20, 10, 40), 0.3), 0.7, taper=False, curved=False
        )
    brush.oval(s.spot, 0.93, 0.4, 0.065, lighter(floor, 0.5), 0)
    for k in range(6):
        x = -w + 2 * w * (k + 0.5) / 6
        brush.box(x - 0.03, s.top - 0.01, x + 0.03, s.top + 0.05, (40, 36, 60), 0.8, round_by=0.01)
        brush.oval(x, s.top + 0.055, 0.026, 0.012, (255, 250, 225), 0)
        aim = s.spot + (x - s.spot) * rng.uniform(-0.3, 0.5)
        brush.shine(
            [(x - 0.012, s.top + 0.05), (x + 0.012, s.top + 0.05), (aim + 0.17, 0.95), (aim - 0.17, 0.95)],
            rng.choice(BEAMS),
        )
    brush.shine(
        [
            (s.spot - 0.02, s.top - 0.02),
            (s.spot + 0.02, s.top - 0.02),
            (s.spot + 0.38, 0.95),
            (s.spot - 0.38, 0.95),
        ],
        (110, 100, 90),
    )
    red = rng.choice(((176, 44, 66), (120, 44, 120), (50, 60, 150)))
    width = min(0.34, s.half * 0.34)
    for side in (-1, 1):
        paint_curtain(brush, side * (s.half + 0.03), s.top - 0.02, width, 1.0 - s.top - 0.08, red, side)
    n = max(4, round(2 * w / 0.2))
    for k in range(n):
        x = -w + 2 * w * (k + 0.5) / n
        brush.blob(
            [
                (x - w / n, s.top - 0.06),
                (x + w / n, s.top - 0.06),
                (x + w / n, s.top + 0.02),
                (x, s.top + 0.07),
                (x - w / n, s.top + 0.02),
            ],
            red,
            0.9,
        )


def paint_crowd(brush: Brush, s: Setting, y: float, size: float, colour: Colour, sticks: bool) -> None:
    """Paint heads of a crowd in one dark tone, some with light sticks raised."""
    rng = s.rng
    n = round((2 * s.half + 0.3) / (size * 1.5))
    for k in range(n):
        x = -s.half - 0.1 + (k + rng.uniform(0.2, 0.8)) * size * 1.5
        cy = y + rng.uniform(-0.2, 0.2) * size
        if sticks and rng.random() < 0.4:
            tip = (x + rng.uniform(-0.5, 0.9) * size, cy - size * rng.uniform(1.4, 1.9))
            glow: Colour = rng.choice(((255, 130, 190), (120, 220, 255), (255, 220, 120), (170, 255, 170)))
            brush.limb(
                [(x + size * 0.5, cy + size), (x + size * 0.7, cy), tip],
                [size * 0.3, size * 0.26, size * 0.2],
                colour,
                0,
            )
            brush.limb(
                [tip, (tip[0], tip[1] - size * 0.4), (tip[0] + size * 0.1, tip[1] - size * 0.9)],
                [size * 0.16] * 3,
                glow,
                0,
            )
            brush.shine(oval(tip[0], tip[1] - size * 0.5, size * 0.35, size * 0.7), mix((0, 0, 0), glow, 0.4))
        brush.blob(
            [
                (x - size * 0.95, cy + size * 2),
                (x - size * 0.8, cy + size * 0.75),
                (x, cy + size * 0.5),
                (x + size * 0.8, cy + size * 0.75),
                (x + size * 0.95, cy + size * 2),
            ],
            colour,
            0,
        )
        if rng.random() < 0.5:
            brush.oval(x, cy + size * 0.08, size * 0.56, size * 0.6, colour, 0)
            brush.oval(x + rng.choice((-0.5, 0.5)) * size, cy - size * 0.1, size * 0.2, size * 0.2, colour, 0)
        else:
            brush.oval(x, cy, size * 0.5, size * 0.55, colour, 0)


def paint_concert(brush: Brush, s: Setting) -> None:
    """Paint the rows of a concert hall around the figure, the far wall and the glow of the show."""
    rng = s.rng
    w = s.half + 0.2
    base: Colour = rng.choice(((44, 34, 84), (30, 40, 88), (66, 30, 74)))
    brush.box(-w, s.top - 0.1, w, 1.05, mix(base, (10, 8, 26), 0.4), 0, bottom=lighter(base, 0.16))
    for k in range(5):
        x = -w + 2 * w * (k + rng.uniform(0.3, 0.7)) / 5
        brush.shine(
            [
                (x - 0.01, s.top),
                (x + 0.01, s.top),
                (x + rng.uniform(-0.3, 0.3) + 0.2, 1.1),
                (x + rng.uniform(-0.3, 0.3) - 0.2, 1.1),
            ],
            rng.choice(BEAMS),
        )
        brush.oval(x, s.top + 0.012, 0.016, 0.012, (255, 250, 230), 0)
    for _ in range(40):
        r = rng.uniform(0.003, 0.008)
        brush.oval(
            rng.uniform(-w, w), rng.uniform(s.top + 0.05, 0.4), r, r, lighter(base, rng.uniform(0.3, 0.7)), 0
        )
    seat: Colour = (158, 54, 74)
    for row in range(4):
        y, size = 0.36 + 0.13 * row, 0.045 + 0.014 * row
        tone = mix(mix(base, (14, 10, 34), 0.35), (12, 10, 30), row * 0.12)
        paint_crowd(brush, s, y, size, lighter(tone, 0.1 - 0.02 * row), True)
        n = round(2 * w / (size * 3))
        for k in range(n + 1):
            x = -w + 2 * w * k / n + (size * 1.5 if row % 2 else 0)
            brush.box(
                x - size * 1.3,
                y + size * 1.15,
                x + size * 1.3,
                y + 0.2,
                mix(seat, tone, 0.62 - 0.1 * row),
                0.8,
                round_by=size * 0.6,
            )
    brush.box(-w, 0.9, w, 1.05, mix(base, (10, 8, 26), 0.5), 0)
