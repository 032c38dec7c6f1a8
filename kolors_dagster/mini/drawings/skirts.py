"""Skirts, standing, walking and seated."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter
from kolors_dagster.mini.drawings.geometry import Point, Points, oval, smooth
from kolors_dagster.mini.drawings.outfits import Outfit
from kolors_dagster.mini.drawings.skeleton import Skeleton


def draw_skirt(brush: Brush, outfit: Outfit, sk: Skeleton, cloth: Colour, kx: float, t: float) -> None:
    """Draw the skirt of an outfit from the waist down, over the lap if seated; `kx` narrows it in profile."""
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
        lap = [
            (-waist, waist_y),
            (-0.33, t - 0.02),
            (-w, t + 0.26),
            (-w * 0.96, t + drop),
            (-w * 0.96, t + drop),
            (-w * 0.4, t + drop + 0.06),
            (0, t + drop + 0.01),
            (w * 0.4, t + drop + 0.06),
            (w * 0.96, t + drop),
            (w * 0.96, t + drop),
            (w, t + 0.26),
            (0.33, t - 0.02),
            (waist, waist_y),
        ]
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
