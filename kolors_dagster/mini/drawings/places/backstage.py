"""Where a show is prepared: the practice room and the dressing room."""

from kolors_dagster.mini.drawings.brush import Brush, rectangle
from kolors_dagster.mini.drawings.colours import lighter, times
from kolors_dagster.mini.drawings.geometry import oval, smooth
from kolors_dagster.mini.drawings.places.rooms import paint_wall_and_floor
from kolors_dagster.mini.drawings.plants import paint_plant
from kolors_dagster.mini.drawings.setting import Setting


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
