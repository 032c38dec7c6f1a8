"""Hair behind the body: the mane, tails and buns, and the braid over the shoulder."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour
from kolors_dagster.mini.drawings.geometry import Point, Points, oval, smooth
from kolors_dagster.mini.drawings.hair import Hair

LENGTHS = {"short": 0.42, "shoulder": 0.86, "long": 1.85}


TAILS = {"short": 0.42, "shoulder": 0.85, "long": 1.6}


def draw_back_hair(brush: Brush, hair: Hair) -> None:
    """Draw the hair behind the body and the tails."""
    back = brush.look.shade(hair.colour, 1.15)
    profile = hair.turn >= 0.8
    if hair.tie == "bun":
        x = -0.4 if profile else 0.0
        y = -0.42 if profile else -0.66
        brush.oval(x, y, 0.25, 0.23, hair.colour, 1.0, [(oval(x - 0.06, y + 0.14, 0.3, 0.2), back)])
        brush.ink(
            [(x - 0.13, y - 0.08), (x, y + 0.02), (x + 0.13, y - 0.06)],
            brush.look.line_colour(hair.colour),
            0.7,
        )
        brush.oval(x * 0.9, y + 0.2, 0.13, 0.05, hair.ribbon, 0.8)
    if hair.tie in ("ponytail", "twin_tails"):
        sides = (hair.side,) if hair.tie == "ponytail" else (-1, 1)
        for side in (-1,) if profile else sides:
            _draw_tail(brush, hair, side, back)
    tied = hair.tie in ("ponytail", "bun", "twin_tails") or (hair.gender == "male" and hair.length == "short")
    length = 0.34 if tied else LENGTHS[hair.length] if hair.tie != "braid" else 0.42
    brush.poly(_mane(hair, length), back, 1.0, _mane_strands(hair, length, brush.look.shade(back, 0.8)))


def draw_braid(brush: Brush, hair: Hair) -> None:
    """Draw a braid over the shoulder, in front of the body."""
    if hair.tie != "braid":
        return
    end = {"short": 0.8, "shoulder": 1.05, "long": 1.6}[hair.length]
    count = max(3, round((end - 0.3) / 0.15))
    x = -0.42 if hair.turn >= 0.8 else 0.4 * hair.side
    for k in range(count):
        y = 0.32 + (end - 0.32) * k / count
        w = 0.115 - 0.03 * k / count
        lean = 0.02 * (1 if k % 2 else -1)
        brush.blob(
            [
                (x + lean, y - 0.05),
                (x + w, y + 0.03),
                (x + w * 0.6, y + 0.14),
                (x - w * 0.6, y + 0.14),
                (x - w, y + 0.03),
            ],
            hair.colour,
            0.9,
            [(oval(x + 0.08, y + 0.12, 0.1, 0.08), brush.look.shade(hair.colour))],
        )
    brush.oval(x, end + 0.0, 0.065, 0.045, hair.ribbon, 0.9)
    brush.blob(
        [
            (x - 0.04, end + 0.03),
            (x + 0.04, end + 0.03),
            (x + 0.07, end + 0.16),
            (x, end + 0.24),
            (x - 0.07, end + 0.16),
        ],
        hair.colour,
        0.9,
    )


def _mane(hair: Hair, length: float) -> list[Point]:
    half = 0.5 + 0.09 * min(1.0, length) + 0.05 * hair.curl * (length > 0.5)
    left = -half - 0.04 if hair.turn >= 0.8 else -half
    right = 0.08 if hair.turn >= 0.8 else half
    points: list[Point] = [(left * 0.9, -0.3), (left, length * 0.3), (left - 0.02, length * 0.72)]
    tips = 4 if length < 0.5 else 5
    for k in range(tips):
        x = left + (right - left) * (k + 0.5) / tips
        drop = length + (0.05 if k % 2 else -0.02) + (0.04 * hair.curl if k in (0, tips - 1) else 0)
        points += [(x, drop), (x, drop)]
        if k < tips - 1:
            notch = left + (right - left) * (k + 1) / tips
            points += [(notch, length - 0.1), (notch, length - 0.1)]
    points += [(right + 0.02, length * 0.72), (right, length * 0.3), (right * 0.9, -0.3), (0, -0.55)]
    return smooth([blow(p, hair.wind) for p in points])


def _mane_strands(hair: Hair, length: float, shade: Colour) -> list[tuple[Points, Colour]]:
    strands: list[tuple[Points, Colour]] = []
    for k in (-1, 0, 1):
        x = 0.3 * k
        strand = [
            (x - 0.05, 0.0),
            (x + 0.03, length * 0.5),
            (x, length),
            (x + 0.06, length),
            (x + 0.1, length * 0.5),
            (x + 0.04, 0.0),
        ]
        strands.append((smooth([blow(p, hair.wind) for p in strand]), shade))
    return strands


def blow(p: Point, wind: float) -> Point:
    """Return a point of hanging hair moved by the wind, more the lower it hangs."""
    x, y = p
    fall = max(0.0, y + 0.1)
    return x - wind * 0.42 * fall, y - abs(wind) * 0.22 * fall


def _draw_tail(brush: Brush, hair: Hair, side: int, back: Colour) -> None:
    end = TAILS[hair.length]
    high = hair.tie == "ponytail"
    x0, y0 = (0.3, -0.5) if high else (0.5, -0.2)
    if hair.turn >= 0.8:
        x0, y0 = 0.42, -0.3
    bulge = 0.3 + 0.08 * hair.curl
    shape = [
        (x0 - 0.04, y0 - 0.06),
        (x0 + bulge * 0.8, y0 - 0.12),
        (x0 + bulge + 0.1, y0 + 0.2),
        (x0 + bulge + 0.04, y0 + end * 0.55),
        (x0 + bulge * 0.9, y0 + end + 0.1),
        (x0 + bulge * 0.9, y0 + end + 0.1),
        (x0 + bulge * 0.62, y0 + end * 0.82),
        (x0 + bulge * 0.4, y0 + end * 0.96),
        (x0 + bulge * 0.4, y0 + end * 0.96),
        (x0 + 0.12, y0 + end * 0.5),
        (x0 + 0.1, y0 + 0.22),
    ]
    shape = [blow((side * x, y), hair.wind) for x, y in shape]
    inner = [
        blow((side * x, y), hair.wind)
        for x, y in (
            (x0, y0),
            (x0 + 0.2, y0 + 0.2),
            (x0 + 0.26, y0 + end * 0.6),
            (x0 + 0.2, y0 + end),
            (x0 - 0.1, y0 + end),
            (x0 - 0.1, y0),
        )
    ]
    brush.blob(shape, hair.colour, 1.0, [(smooth(inner), back)])
    strand = [
        blow((side * x, y), hair.wind)
        for x, y in ((x0 + 0.1, y0), (x0 + bulge, y0 + 0.25), (x0 + bulge * 0.9, y0 + end * 0.7))
    ]
    brush.ink(strand, brush.look.line_colour(hair.colour), 0.7)
