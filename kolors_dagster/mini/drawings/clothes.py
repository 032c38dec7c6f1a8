"""Tops and collars. Unit: one head height; the torso's frame starts at the neck, y down the spine."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, brightness, darker, lighter
from kolors_dagster.mini.drawings.geometry import arc, oval, smooth
from kolors_dagster.mini.drawings.outfits import Outfit
from kolors_dagster.mini.drawings.skeleton import Skeleton
from kolors_dagster.mini.drawings.skirts import draw_skirt


def draw_clothes(brush: Brush, outfit: Outfit, sk: Skeleton, skin: Colour) -> None:
    """Draw skirt and top; `brush` is in the torso's frame."""
    kx = 1 - 0.4 * sk.turn
    t = sk.build.torso * (0.9 if sk.seated else 1.0)
    other = "other_skirt" in outfit.cut.extras
    skirt = lighter(darker(outfit.cloth, 0.38), 0.06) if other else outfit.cloth
    if outfit.trousers is None:
        draw_skirt(brush, outfit, sk, skirt, kx, t)
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
    over = loose or outfit.trousers is not None
    end = t * (1.0 if over else 0.64)
    hem = (0.32 if loose else 0.29 if over else 0.225) * kx
    body = [
        (-0.13 * kx, -0.01),
        (-0.13 * kx, -0.01),
        (-s, 0.07),
        (-s * 0.94, 0.26),
        (-waist, t * 0.62),
        (-hem, end),
        (-hem, end),
        (0, end + 0.035),
        (hem, end),
        (hem, end),
        (waist, t * 0.62),
        (s * 0.94, 0.26),
        (s, 0.07),
        (0.13 * kx, -0.01),
        (0.13 * kx, -0.01),
    ]
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
        lighter(cloth, 0.5 * brush.look.gradient),
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
        brush.poly([(-0.03, 0.07), (0.03, 0.07), (0.045, 0.26), (0, 0.33), (-0.045, 0.26)], outfit.trim, 0.8)
        brush.ink([(0, 0.36), (0, end)], line, 0.7)
        brush.oval(0.035, t * 0.66, 0.02, 0.02, outfit.trim, 0.6)


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
    v = 0.36 if "tie" in outfit.cut.extras else 0.2 if kind in ("sailor", "lapel") else 0.12
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
