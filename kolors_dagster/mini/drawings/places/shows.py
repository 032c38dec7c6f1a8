"""Where songs happen: the stage, the concert seats, the practice room, the dressing room."""

import math

from kolors_dagster.mini.drawings.canvas import Brush, rectangle
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval, smooth
from kolors_dagster.mini.drawings.places.rooms import paint_wall_and_floor
from kolors_dagster.mini.drawings.scenery import paint_curtain, paint_plant, paint_star, paint_window
from kolors_dagster.mini.drawings.setting import Setting

BEAMS: tuple[Colour, ...] = ((120, 60, 130), (60, 80, 150), (140, 80, 60), (50, 110, 130), (130, 60, 80))


def paint_stage(brush: Brush, s: Setting) -> None:
    """Paint a stage: glowing backdrop, beams from above, a polished floor, curtains at the sides."""
    rng = s.rng
    w = s.half + 0.2
    back: Colour = rng.choice(((58, 36, 96), (36, 44, 104), (86, 34, 84)))
    brush.box(-w, s.top - 0.1, w, 0.76, mix(back, (10, 8, 30), 0.55), 0, bottom=lighter(back, 0.22))
    for k in range(26):
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
                (x + rng.uniform(-0.3, 0.3) + 0.13, 0.75),
                (x + rng.uniform(-0.3, 0.3) - 0.13, 0.75),
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


def paint_practice(brush: Brush, s: Setting) -> None:
    """Paint a practice room: a mirror wall, a piano, a speaker, a shining floor."""
    rng = s.rng
    paint_wall_and_floor(
        brush,
        s,
        rng.choice(((238, 226, 206), (216, 228, 232), (232, 220, 232))),
        (222, 176, 126),
        0.74,
        "plain",
    )
    side = 1 if rng.random() < 0.5 else -1
    glass = times((196, 220, 230), s.light)
    for k in range(3):
        x = side * s.half * 0.1 - side * (k - 0.2) * 0.36
        brush.box(x - 0.17, 0.1, x + 0.17, 0.68, times((160, 124, 100), s.light), 0.9)
        brush.box(
            x - 0.155,
            0.115,
            x + 0.155,
            0.665,
            lighter(glass, 0.25),
            0.4,
            bottom=glass,
            shades=[
                (
                    [(x - 0.16, 0.6), (x + 0.04, 0.1), (x + 0.11, 0.1), (x - 0.1, 0.67), (x - 0.16, 0.67)],
                    lighter(glass, 0.55),
                ),
                (
                    [(x + 0.02, 0.67), (x + 0.16, 0.3), (x + 0.16, 0.38), (x + 0.06, 0.67)],
                    lighter(glass, 0.5),
                ),
            ],
        )
    brush.ink(
        [(-s.half - 0.1, 0.5), (s.half + 0.1, 0.5)],
        times((150, 106, 80), s.light),
        2.4,
        taper=False,
        curved=False,
    )
    px = side * min(0.78, s.half * 0.76)
    wood = times(rng.choice(((62, 52, 60), (132, 84, 62))), s.light)
    p = brush.at(px, 0.86, mirror=-side)
    p.box(
        -0.24,
        -0.4,
        0.2,
        0.0,
        wood,
        1.0,
        shades=[(rectangle(0.1, -0.5, 0.3, 0.1), p.look.shade(wood))],
        round_by=0.012,
    )
    p.box(-0.26, -0.43, 0.22, -0.4, lighter(wood, 0.14), 0.9)
    p.box(-0.26, -0.22, 0.22, -0.16, lighter(wood, 0.08), 0.9)
    p.box(-0.24, -0.225, 0.2, -0.2, (252, 250, 244), 0.6)
    for k in range(12):
        if k % 7 not in (2, 6):
            p.box(-0.225 + 0.036 * k, -0.225, -0.21 + 0.036 * k, -0.21, (40, 36, 44), 0)
    p.box(-0.12, -0.36, 0.08, -0.25, (252, 248, 236), 0.7)
    for k in range(4):
        p.ink(
            [(-0.1, -0.34 + 0.02 * k), (0.06, -0.34 + 0.02 * k)],
            (120, 110, 120),
            0.4,
            taper=False,
            curved=False,
        )
    qx = -side * min(0.84, s.half * 0.86)
    dark = times((74, 70, 84), s.light)
    brush.box(qx - 0.1, 0.5, qx + 0.1, 0.86, dark, 1.0, round_by=0.012)
    for cy, r in ((0.58, 0.045), (0.74, 0.075)):
        brush.oval(
            qx,
            cy,
            r,
            r,
            lighter(dark, 0.2),
            0.8,
            [(oval(qx, cy, r * 0.6, r * 0.6), dark), (oval(qx, cy, r * 0.25, r * 0.25), lighter(dark, 0.35))],
        )
    brush.glass(
        [(s.spot - 0.4, 1.0), (s.spot - 0.1, 0.75), (s.spot + 0.1, 0.75), (s.spot - 0.1, 1.0)],
        (255, 255, 255),
        0.16,
    )


def paint_dressing(brush: Brush, s: Setting) -> None:
    """Paint a dressing room: a mirror framed by bulbs, a table, a rail of costumes, flowers."""
    rng = s.rng
    paint_wall_and_floor(
        brush,
        s,
        rng.choice(((250, 214, 214), (236, 216, 240), (248, 230, 206))),
        (190, 140, 120),
        0.74,
        rng.choice(("stripes", "plain")),
    )
    side = 1 if rng.random() < 0.5 else -1
    mx = -side * min(0.42, s.half * 0.4)
    brush.box(mx - 0.29, 0.06, mx + 0.29, 0.54, times((250, 240, 226), s.light), 1.0, round_by=0.03)
    glass = times((206, 226, 236), s.light)
    brush.box(
        mx - 0.23,
        0.12,
        mx + 0.23,
        0.5,
        lighter(glass, 0.3),
        0.7,
        bottom=glass,
        shades=[
            ([(mx - 0.22, 0.5), (mx + 0.0, 0.1), (mx + 0.09, 0.1), (mx - 0.13, 0.5)], lighter(glass, 0.65))
        ],
    )
    bulbs = [(mx - 0.26 + 0.13 * k, 0.09) for k in range(5)] + [
        (mx + e * 0.26, 0.2 + 0.1 * k) for e in (-1, 1) for k in range(4)
    ]
    for x, y in bulbs:
        brush.oval(x, y, 0.017, 0.017, (255, 246, 206), 0.7)
        brush.shine(oval(x, y, 0.035, 0.035), (90, 76, 44))
    wood = times((176, 122, 100), s.light)
    brush.box(mx - 0.36, 0.56, mx + 0.36, 0.6, lighter(wood, 0.15), 1.0)
    brush.box(mx - 0.33, 0.6, mx + 0.33, 0.7, wood, 0.9)
    for e in (-1, 1):
        brush.box(mx + e * 0.31 - 0.02, 0.7, mx + e * 0.31 + 0.02, 0.84, wood, 0.9)
        brush.oval(mx + e * 0.16, 0.65, 0.014, 0.014, (250, 224, 150), 0.6)
    for k in range(5):
        x = mx - 0.26 + 0.06 * k
        h = rng.uniform(0.04, 0.09)
        brush.box(
            x - 0.014,
            0.56 - h,
            x + 0.014,
            0.56,
            times(rng.choice(((240, 120, 150), (130, 180, 220), (250, 210, 130), (180, 150, 220))), s.light),
            0.7,
            round_by=0.006,
        )
    paint_plant(brush, mx + 0.26, 0.56, 0.17, s.light, rng)
    rx = side * min(0.68, s.half * 0.7)
    brush.ink([(rx - 0.27, 0.3), (rx + 0.27, 0.3)], (130, 126, 140), 2.2, taper=False, curved=False)
    for e in (-1, 1):
        brush.ink(
            [(rx + e * 0.25, 0.3), (rx + e * 0.25, 0.86)], (130, 126, 140), 2.0, taper=False, curved=False
        )
    for k in range(6):
        x = rx - 0.2 + 0.08 * k
        c = times(
            rng.choice(
                (
                    (224, 92, 112),
                    (104, 146, 214),
                    (250, 214, 120),
                    (176, 132, 212),
                    (246, 244, 240),
                    (110, 184, 150),
                )
            ),
            s.light,
        )
        length = rng.uniform(0.26, 0.4)
        brush.ink([(x, 0.3), (x, 0.335)], (120, 110, 120), 1.0, taper=False, curved=False)
        brush.blob(
            [
                (x - 0.03, 0.345),
                (x + 0.03, 0.345),
                (x + 0.035, 0.43),
                (x + 0.065, 0.34 + length),
                (x - 0.065, 0.34 + length),
                (x - 0.035, 0.43),
            ],
            c,
            0.9,
            [
                (
                    smooth(
                        [
                            (x + 0.01, 0.4),
                            (x + 0.03, 0.34 + length),
                            (x + 0.1, 0.34 + length),
                            (x + 0.06, 0.38),
                        ]
                    ),
                    brush.look.shade(c),
                )
            ],
        )


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
