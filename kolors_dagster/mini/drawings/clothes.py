"""Dresses and other clothes by cut. Unit: one head height; the torso's frame starts at the neck, y down the spine."""

from dataclasses import dataclass

from kolors_dagster.mini.drawings.canvas import Brush
from kolors_dagster.mini.drawings.colours import Colour, brightness, darker, lighter
from kolors_dagster.mini.drawings.geometry import Point, Points, arc, oval, smooth
from kolors_dagster.mini.drawings.skeleton import Skeleton


@dataclass(frozen=True)
class Cut:
    """What makes a garment: sleeves, skirt length (share of the leg, 0 for trousers), flare, collar, extras."""

    sleeve: str
    skirt: float
    flare: float
    collar: str
    extras: tuple[str, ...] = ()


CUTS = {
    "dress": Cut("puff", 0.5, 0.24, "round", ("belt",)),
    "gown": Cut("none", 0.96, 0.34, "sweetheart", ("belt", "sparkle")),
    "sweater": Cut("long", 0.34, 0.16, "ribbed", ("hem", "other_skirt")),
    "hoodie": Cut("long", 0.0, 0.0, "hood", ("pocket", "strings")),
    "coat": Cut("long", 0.56, 0.14, "lapel", ("buttons", "belt")),
    "uniform": Cut("short", 0.4, 0.2, "sailor", ("pleats", "bow")),
    "costume": Cut("puff", 0.42, 0.42, "sweetheart", ("ruffles", "bow", "sparkle")),
    "suit": Cut("long", 0.0, 0.0, "lapel", ("tie",)),
}


@dataclass(frozen=True)
class Outfit:
    """A cut in its colours; `trousers` only where the cut or the wearer has them."""

    cut: Cut
    cloth: Colour
    trim: Colour
    shoe: Colour
    sock: Colour | None
    trousers: Colour | None


def draw_clothes(brush: Brush, outfit: Outfit, sk: Skeleton, skin: Colour) -> None:
    """Draw skirt and top; `brush` is in the torso's frame."""
    kx = 1 - 0.4 * sk.turn
    t = sk.build.torso * (0.9 if sk.seated else 1.0)
    other = "other_skirt" in outfit.cut.extras
    skirt = lighter(darker(outfit.cloth, 0.38), 0.06) if other else outfit.cloth
    if outfit.trousers is None:
        _draw_skirt(brush, outfit, sk, skirt, kx, t)
    else:
        brush.blob(
            [
                (-0.27 * kx, t * 0.7),
                (0.27 * kx, t * 0.7),
                (0.3 * kx, t + 0.06),
                (0.02, t + 0.14),
                (-0.3 * kx, t + 0.06),
            ],
            outfit.trousers,
            1.0,
        )
    _draw_top(brush, outfit, sk, skin, kx, t)


def _draw_top(brush: Brush, outfit: Outfit, sk: Skeleton, skin: Colour, kx: float, t: float) -> None:
    cut, cloth = outfit.cut, outfit.cloth
    s = sk.build.shoulder * (1 - 0.5 * sk.turn) + 0.03
    loose = cut.sleeve == "long"
    waist = (0.285 if loose else 0.215) * kx
    end = t * (1.0 if loose and outfit.trousers is not None else 0.98 if loose else 0.64)
    hem = (0.32 if loose else 0.225) * kx
    body = [(-0.13 * kx, -0.01), (-0.13 * kx, -0.01), (-s, 0.07), (-s * 0.94, 0.26), (-waist, t * 0.62), (-hem, end), (-hem, end),
            (0, end + 0.035), (hem, end), (hem, end), (waist, t * 0.62), (s * 0.94, 0.26), (s, 0.07), (0.13 * kx, -0.01), (0.13 * kx, -0.01)]  # fmt: skip
    dark = brush.look.shade(cloth)
    side = [
        (-s - 0.1, 0.1),
        (-s * 0.62, 0.2),
        (-waist * 0.62, t * 0.6),
        (-hem * 0.6, end + 0.1),
        (-1, end + 0.1),
    ]
    under_chin = oval(0.02 * sk.turn, 0.02, 0.26 * kx, 0.15)
    brush.blob(
        body,
        lighter(cloth, brush.look.gradient),
        1.0,
        [(smooth(side), dark), (under_chin, dark)],
        bottom=cloth,
    )
    _draw_collar(brush, outfit, skin, kx, s, t)
    line = brush.look.line_colour(cloth)
    for x in (-0.5, 0.55):
        brush.ink([(x * waist, t * 0.46), (x * waist * 0.8, t * 0.62)], line, 0.5)
    if "belt" in cut.extras:
        y = t * 0.62
        brush.blob(
            [
                (-waist - 0.012, y - 0.045),
                (0, y - 0.02),
                (waist + 0.012, y - 0.045),
                (waist + 0.018, y + 0.045),
                (0, y + 0.07),
                (-waist - 0.018, y + 0.045),
            ],
            outfit.trim,
            0.8,
        )
    if "buttons" in cut.extras:
        for k in range(3):
            brush.oval(0.04 * kx, t * (0.3 + 0.16 * k), 0.025, 0.025, outfit.trim, 0.6)
        brush.ink([(0, 0.1), (0.0, end)], line, 0.7)
    if "pocket" in cut.extras:
        brush.blob(
            [(-0.17 * kx, t * 0.66), (0.17 * kx, t * 0.66), (0.22 * kx, t * 0.92), (-0.22 * kx, t * 0.92)],
            dark,
            0.8,
        )
    if "tie" in cut.extras:
        brush.blob(
            [(-0.03, 0.06), (0.03, 0.06), (0.05, t * 0.45), (0, t * 0.54), (-0.05, t * 0.45)],
            outfit.trim,
            0.8,
        )


def _draw_collar(brush: Brush, outfit: Outfit, skin: Colour, kx: float, s: float, t: float) -> None:
    kind, cloth, trim = outfit.cut.collar, outfit.cloth, outfit.trim
    shadow = brush.look.shade(skin)
    if kind == "sweetheart":
        brush.blob(
            [
                (-0.13 * kx, -0.06),
                (-s * 0.78, 0.05),
                (-s * 0.7, 0.2),
                (-0.1 * kx, 0.24),
                (0, 0.28),
                (0.1 * kx, 0.24),
                (s * 0.7, 0.2),
                (s * 0.78, 0.05),
                (0.13 * kx, -0.06),
            ],
            skin,
            0.7,
            [(oval(0, 0.0, 0.2 * kx, 0.1), shadow)],
        )
        for side in (-1, 1):
            brush.limb(
                [(side * s * 0.82, 0.02), (side * s * 0.74, 0.12), (side * s * 0.66, 0.24)],
                [0.06, 0.065, 0.07],
                cloth,
                0.8,
            )
        return
    v = 0.2 if kind in ("sailor", "lapel") else 0.12
    brush.blob(
        [(-0.13 * kx, -0.06), (-0.12 * kx, 0.02), (0, v), (0, v), (0.12 * kx, 0.02), (0.13 * kx, -0.06)],
        (250, 248, 246) if kind == "lapel" else skin,
        0.7,
        [(oval(0, -0.02, 0.2, 0.1), shadow)],
    )
    if kind == "round":
        for side in (-1, 1):
            brush.blob(
                [(0, 0.13), (side * 0.15 * kx, -0.01), (side * 0.23 * kx, 0.08), (side * 0.14 * kx, 0.19)],
                trim,
                0.8,
            )
    elif kind == "sailor":
        for side in (-1, 1):
            brush.poly(
                [(0, 0.24), (side * 0.12 * kx, -0.03), (side * s * 0.86, 0.03), (side * s * 0.74, 0.2)],
                trim,
                0.9,
            )
        _draw_bow(
            brush, 0, 0.26, 0.12 * kx, (222, 70, 84) if brightness(outfit.cloth) > 0.5 else (250, 220, 120)
        )
    elif kind == "lapel":
        for side in (-1, 1):
            brush.poly(
                [(0, 0.34), (side * 0.12 * kx, -0.05), (side * 0.24 * kx, 0.02), (side * 0.2 * kx, 0.16)],
                brush.look.shade(cloth, 0.6),
                0.9,
            )
    elif kind == "ribbed":
        brush.limb(arc(0, -0.02, 0.145 * kx, 0.09, 0, 180), [0.07] * 11, trim, 0.8)
    elif kind == "hood":
        for side in (-1, 1):
            brush.blob(
                [
                    (side * 0.02, 0.13),
                    (side * 0.12 * kx, -0.06),
                    (side * 0.26 * kx, -0.04),
                    (side * 0.24 * kx, 0.1),
                ],
                brush.look.shade(cloth, 0.5),
                0.9,
            )
            brush.ink([(side * 0.06, 0.13), (side * 0.07, 0.3)], (250, 250, 250), 1.2)


def _draw_skirt(brush: Brush, outfit: Outfit, sk: Skeleton, cloth: Colour, kx: float, t: float) -> None:
    cut = outfit.cut
    dark = brush.look.shade(cloth)
    line = brush.look.line_colour(cloth)
    waist_y, waist = t * 0.6, 0.225 * kx
    g = sk.build.leg
    if sk.seated and sk.turn >= 0.8:
        knee = g * 0.5 + 0.1
        lap: Points = [
            (-waist, waist_y),
            (-0.27, t),
            (-0.2, t + 0.16),
            (0.1, t + 0.2),
            (knee - 0.04, t + 0.34),
            (knee + 0.1, t + 0.22),
            (knee + 0.06, t - 0.06),
            (0.3, t - 0.14),
            (waist, waist_y),
        ]
        brush.blob(
            lap,
            cloth,
            1.0,
            [
                (
                    smooth([(-0.3, t), (0.2, t + 0.05), (knee, t + 0.14), (knee, t + 0.5), (-0.4, t + 0.4)]),
                    dark,
                )
            ],
        )
        return
    if sk.seated:
        w = 0.36 + cut.flare * 0.4
        drop = 0.4 + 0.34 * cut.skirt
        lap = [(-waist, waist_y), (-0.33, t - 0.02), (-w, t + 0.26), (-w * 0.96, t + drop), (-w * 0.96, t + drop), (-w * 0.4, t + drop + 0.06), (0, t + drop + 0.01), (w * 0.4, t + drop + 0.06),
               (w * 0.96, t + drop), (w * 0.96, t + drop), (w, t + 0.26), (0.33, t - 0.02), (waist, waist_y)]  # fmt: skip
        folds = [
            smooth(
                [
                    (x * w, t + 0.12),
                    (x * w + 0.05, t + drop * 0.7),
                    (x * w + 0.1, t + drop + 0.1),
                    (x * w - 0.04, t + drop + 0.1),
                ]
            )
            for x in (-0.55, 0.0, 0.5)
        ]
        brush.blob(
            lap,
            lighter(cloth, brush.look.gradient),
            1.0,
            [*((f, dark) for f in folds), (oval(-0.36, t + 0.1, 0.13, 0.3), dark)],
            bottom=cloth,
        )
        brush.ink([(-0.2, t + 0.02), (0, t + 0.07), (0.2, t + 0.02)], line, 0.6)
        return
    tiers = (0.55, 1.0) if "ruffles" in cut.extras else (1.0,)
    for k, part in enumerate(reversed(tiers)):
        hem_y = t + g * cut.skirt * part
        spread = 0.3 * kx + cut.flare * part + 0.12 * cut.skirt
        colour = cloth if k == len(tiers) - 1 else lighter(cloth, 0.42)
        _draw_bell(
            brush, sk, colour, waist, waist_y, hem_y, spread, "pleats" in cut.extras, "ruffles" in cut.extras
        )
    if "sparkle" in cut.extras:
        for k in range(7):
            x, y = (-0.22 + 0.075 * k) * kx * 1.3, t * 0.9 + 0.06 * ((k * 5) % 7) + 0.05
            brush.oval(x, y, 0.014, 0.014, lighter(cloth, 0.8), 0)


def _draw_bell(
    brush: Brush,
    sk: Skeleton,
    cloth: Colour,
    waist: float,
    waist_y: float,
    hem_y: float,
    spread: float,
    pleats: bool,
    ruffles: bool,
) -> None:
    blow = -sk.wind * 0.2
    waves = 7 if pleats or ruffles else 5
    dark, line = brush.look.shade(cloth), brush.look.line_colour(cloth)
    middle = (waist_y + hem_y) / 2
    hem: list[Point] = []
    for k in range(waves * 2 + 1):
        u = -1 + 2 * k / (waves * 2)
        hem.append((u * spread + blow, hem_y + 0.07 * (1 - u * u) + (0.03 if k % 2 else -0.012)))
    corner_l, corner_r = hem[0], hem[-1]
    left = [
        (-waist, waist_y),
        (-waist - (spread - waist) * 0.45 + blow * 0.3, middle - 0.04),
        corner_l,
        corner_l,
    ]
    right = [
        corner_r,
        corner_r,
        (waist + (spread - waist) * 0.45 + blow * 0.3, middle - 0.04),
        (waist, waist_y),
    ]
    folds = []
    for k in range(1, waves * 2, 2):
        x, y = hem[k]
        top = (x - blow) / spread * waist
        if pleats or k % 4 == 1:
            folds.append(
                (
                    smooth(
                        [
                            (top, waist_y + 0.08),
                            (x - 0.03, y - 0.1),
                            (x - 0.05, y + 0.1),
                            (x + 0.07, y + 0.1),
                            (x + 0.05, y - 0.1),
                        ]
                    ),
                    dark,
                )
            )
    side = [
        (-waist, waist_y),
        (corner_l[0] * 0.62, middle),
        (corner_l[0] * 0.66, hem_y + 0.2),
        (corner_l[0] * 1.5 - 0.1, hem_y + 0.2),
        (corner_l[0] * 1.3 - 0.1, waist_y),
    ]
    brush.blob(
        [*left, *hem[1:-1], *right],
        lighter(cloth, brush.look.gradient),
        1.0,
        [(smooth(side), dark), *folds],
        bottom=cloth,
    )
    for k in range(2, waves * 2 - 1, 2):
        x, y = hem[k]
        brush.ink(
            [
                ((x - blow) / spread * waist * 1.2, waist_y + (y - waist_y) * (0.2 if pleats else 0.42)),
                (x * 0.9, y - 0.12),
                (x, y),
            ],
            line,
            0.55,
        )


def _draw_bow(brush: Brush, x: float, y: float, size: float, colour: Colour) -> None:
    for s in (-1, 1):
        brush.blob(
            [(x, y), (x + s * size, y - size * 0.6), (x + s * size * 1.1, y + size * 0.5)], colour, 0.8
        )
        brush.blob(
            [(x, y), (x + s * size * 0.5, y + size * 1.3), (x + s * size * 0.15, y + size * 1.35)],
            colour,
            0.7,
        )
    brush.oval(x, y, size * 0.28, size * 0.28, lighter(colour, 0.2), 0.8)
