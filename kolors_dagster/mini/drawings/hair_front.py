"""Hair around the face: crown, bangs, side locks, shine, ribbons."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix
from kolors_dagster.mini.drawings.geometry import Point, smooth
from kolors_dagster.mini.drawings.hair import Hair
from kolors_dagster.mini.drawings.hair_back import blow


def draw_front_hair(brush: Brush, hair: Hair) -> None:
    """Draw the crown, the bangs, the side locks, the shine and the ribbons over the face."""
    c = hair.colour
    line = brush.look.line_colour(c)
    shade = brush.look.shade(c)
    shine = lighter(mix(c, (255, 240, 230), 0.2), 0.3 + 0.12 * brush.look.gloss)
    profile = hair.turn >= 0.8
    if not profile and hair.gender == "female":
        for side in (-1, 1):
            _side_lock(brush, hair, side, shade)
    cap = _profile_cap(hair) if profile else _cap(hair)
    dx = 0.1 if profile else 0.12 * hair.turn
    ring_y = -0.36
    ring = [
        (dx - 0.36, ring_y + 0.05),
        (dx - 0.2, ring_y - 0.03),
        (dx, ring_y - 0.05),
        (dx + 0.22, ring_y - 0.03),
        (dx + 0.36, ring_y + 0.05),
    ]
    lower = [(dx + 0.34, ring_y + 0.09)]
    for k in range(8):
        x = 0.28 - 0.08 * k
        lower.append((dx + x, ring_y + (0.07 if k % 2 else 0.01) - 0.05 * (1 - abs(x) * 2.4)))
    lower.append((dx - 0.34, ring_y + 0.09))
    tips = [(x, y - 0.11) for x, y in _fringe(hair)]
    under = [*_fringe(hair)[::-1], *tips]
    brush.poly(
        cap, lighter(c, brush.look.gradient), 1.0, [(under, shade), ([*ring, *lower], shine)], bottom=c
    )
    part = (dx + {"swept": -0.14 * hair.side, "parted": 0.0}.get(hair.bangs, 0.04), -0.58)
    for x, y in (notch for notch in _notches(hair) if notch[1] > -0.2):
        brush.ink([(part[0] * 0.3 + x * 0.8, -0.3), (x * 0.98, -0.2), (x, y)], line, 0.6)
    if hair.gender == "female" and hair.curl > 0.72:
        brush.ink(
            [(part[0], -0.59), (part[0] + 0.06 * hair.side, -0.72), (part[0] + 0.2 * hair.side, -0.7)],
            line,
            1.5,
        )
    _draw_ribbons(brush, hair)


def _fringe(hair: Hair) -> list[Point]:
    """Return the lower edge of the bangs, from picture left to right."""
    s, dx = hair.side, 0.1 * hair.turn
    if hair.bangs == "straight":
        row = [
            (-0.47, 0.12),
            (-0.4, -0.12),
            (-0.3, 0.0),
            (-0.21, -0.11),
            (-0.11, 0.01),
            (-0.02, -0.1),
            (0.09, 0.015),
            (0.18, -0.1),
            (0.28, 0.0),
            (0.38, -0.13),
            (0.47, 0.12),
        ]
    elif hair.bangs == "swept":
        row = [
            (-0.47, 0.14),
            (-0.41, -0.1),
            (-0.36, 0.04),
            (-0.26, -0.12),
            (-0.22, 0.0),
            (-0.06, -0.17),
            (-0.02, -0.04),
            (0.16, -0.26),
            (0.36, -0.1),
            (0.42, -0.14),
            (0.47, 0.14),
        ]
    elif hair.bangs == "parted":
        row = [
            (-0.47, 0.2),
            (-0.4, -0.02),
            (-0.36, 0.06),
            (-0.24, -0.13),
            (-0.13, -0.22),
            (0.0, -0.37),
            (0.13, -0.22),
            (0.24, -0.13),
            (0.36, 0.06),
            (0.4, -0.02),
            (0.47, 0.2),
        ]
    else:
        row = [
            (-0.47, 0.04),
            (-0.42, -0.16),
            (-0.34, -0.04),
            (-0.25, -0.2),
            (-0.13, -0.06),
            (-0.06, -0.22),
            (0.08, -0.05),
            (0.16, -0.22),
            (0.3, -0.06),
            (0.4, -0.18),
            (0.47, 0.04),
        ]
    if s < 0:
        row = [(-x, y) for x, y in row[::-1]]
    return [(x + dx * (1 - abs(x)), y) for x, y in row]


def _notches(hair: Hair) -> list[Point]:
    return _fringe(hair)[3:-3:2] if hair.bangs != "parted" else [_fringe(hair)[3], _fringe(hair)[-4]]


def _cap(hair: Hair) -> list[Point]:
    top = -0.62
    if hair.gender == "male" and hair.bangs == "spiky":
        crown = [
            (0.51, -0.1),
            (0.58, -0.34),
            (0.44, -0.4),
            (0.44, -0.62),
            (0.26, -0.57),
            (0.16, -0.74),
            (-0.02, -0.62),
            (-0.2, -0.72),
            (-0.3, -0.55),
            (-0.48, -0.58),
            (-0.47, -0.38),
            (-0.6, -0.28),
            (-0.51, -0.1),
        ]
        outer = smooth([p for q in crown for p in (q, q)], closed=False, steps=3)
    else:
        outer = smooth(
            [
                (0.5, 0.1),
                (0.535, -0.12),
                (0.48, -0.38),
                (0.27, -0.58),
                (0.0, top),
                (-0.27, -0.58),
                (-0.48, -0.38),
                (-0.535, -0.12),
                (-0.5, 0.1),
            ],
            closed=False,
        )
    fringe = _fringe(hair)
    inner: list[Point] = []
    for k in range(len(fringe) - 1):
        (x0, y0), (x1, y1) = fringe[k], fringe[k + 1]
        sag = 0.018 * (1 if x1 > x0 else -1)
        inner += [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t + sag * 4 * t * (1 - t)) for t in (0.0, 0.33, 0.66)]
    return [*outer, *inner, fringe[-1]]


def _profile_cap(hair: Hair) -> list[Point]:
    outer = smooth(
        [
            (0.47, -0.06),
            (0.47, -0.32),
            (0.28, -0.56),
            (0.0, -0.63),
            (-0.3, -0.57),
            (-0.52, -0.34),
            (-0.57, -0.05),
            (-0.5, 0.3),
        ],
        closed=False,
    )
    drop = 0.36 if hair.gender == "female" else 0.16
    inner = [
        (-0.32, 0.34),
        (-0.22, 0.1),
        (-0.14, -0.05),
        (-0.04, -0.06),
        (0.06, 0.0),
        (0.1, drop),
        (0.15, -0.02),
        (0.24, -0.14),
        (0.31, 0.02),
        (0.37, -0.15),
        (0.44, 0.0),
    ]
    return [*outer, *inner]


def _side_lock(brush: Brush, hair: Hair, side: int, shade: Colour) -> None:
    free = hair.tie == "loose"
    end = {"short": 0.4, "shoulder": 0.62, "long": 0.8}[hair.length] if free else 0.42
    wide = 0.15 if free else 0.1
    x = side * 0.53
    lock = [
        (x, -0.25),
        (x + side * 0.04, 0.1),
        (x + side * 0.02, end * 0.7),
        (x - side * wide * 0.5, end),
        (x - side * wide * 0.5, end),
        (x - side * wide, end * 0.5),
        (x - side * wide * 0.9, 0.05),
        (x - side * 0.1, -0.25),
    ]
    inner = [
        (x - side * 0.06, -0.3),
        (x - side * 0.04, 0.1),
        (x - side * 0.06, end),
        (x - side * 0.3, end),
        (x - side * 0.3, -0.3),
    ]
    brush.blob([blow(p, hair.wind * 0.4) for p in lock], hair.colour, 1.0, [(smooth(inner), shade)])


def _draw_ribbons(brush: Brush, hair: Hair) -> None:
    if hair.tie == "twin_tails":
        spots = [(-0.5, -0.26)] if hair.turn >= 0.8 else [(-0.5, -0.24), (0.5, -0.24)]
    elif hair.tie == "ponytail":
        spots = [(-0.46, -0.36)] if hair.turn >= 0.8 else [(0.34 * hair.side, -0.52)]
    elif hair.tie == "loose" and hair.gender == "female" and 0.3 < hair.curl < 0.6:
        spots = [(0.38 * hair.side, -0.36)]
    else:
        return
    for x, y in spots:
        for s in (-1, 1):
            brush.blob(
                [(x, y), (x + s * 0.16, y - 0.1), (x + s * 0.18, y + 0.03), (x + s * 0.13, y + 0.09)],
                hair.ribbon,
                0.9,
            )
        brush.oval(x, y, 0.045, 0.04, mix(hair.ribbon, (255, 255, 255), 0.25), 0.9)
