"""What a sleeper lies on and under. Unit: one head height; origin: the pelvis, lying."""

from random import Random

from kolors_dagster.mini.drawings.brush import Brush, rectangle
from kolors_dagster.mini.drawings.colours import darker, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval, smooth
from kolors_dagster.mini.drawings.seats import SOFAS, draw_sofa

Light = tuple[float, float, float]


def draw_bed(brush: Brush, place: str, head_x: float, feet_x: float, light: Light, rng: Random) -> None:
    """Draw what a sleeper lies on, from `head_x` to `feet_x`; origin: the pelvis, lying."""
    x0, x1 = head_x - 0.35, feet_x + 0.3
    pillow = times((255, 250, 244), light)
    if place == "meadow":
        cloth = times((240, 120, 116), light)
        brush.blob([(x0, 0.2), (x1, 0.16), (x1 + 0.25, 0.75), (x0 - 0.25, 0.8)], cloth, 0.9)
        for k in range(6):
            x = x0 + (x1 - x0) * (k + 0.5) / 6
            brush.poly(
                [(x - 0.1, 0.24), (x + 0.1, 0.24), (x + 0.14, 0.72), (x - 0.1, 0.74)],
                mix(cloth, (255, 255, 255), 0.45),
                0,
            )
    elif place == "home":
        middle = brush.at((x0 + x1) / 2, 0.22)
        draw_sofa(middle, (x1 - x0) / 2, 0.95, times(rng.choice(SOFAS), light), rng)
    else:
        wood = times((188, 138, 100), light)
        brush.box(x0 - 0.2, -1.0, x0 - 0.02, 1.2, wood, 1.0, round_by=0.08)
        brush.box(x1 - 0.02, -0.3, x1 + 0.16, 1.2, wood, 1.0, round_by=0.08)
        brush.box(x0 - 0.05, 0.5, x1, 0.9, darker(wood, 0.1), 1.0)
        sheet = times((250, 246, 250), light)
        brush.box(
            x0 - 0.05,
            0.14,
            x1,
            0.56,
            sheet,
            1.0,
            round_by=0.1,
            shades=[(rectangle(x0 - 1, 0.38, x1 + 1, 1), brush.look.shade(sheet))],
        )
    brush.blob(
        [
            (head_x - 0.2, 0.3),
            (head_x - 0.18, -0.34),
            (head_x + 0.35, -0.44),
            (head_x + 0.85, -0.2),
            (head_x + 0.95, 0.3),
            (head_x + 0.4, 0.4),
        ],
        pillow,
        1.0,
        [
            (
                smooth(
                    [
                        (head_x - 0.3, 0.1),
                        (head_x + 0.4, 0.14),
                        (head_x + 1, 0.0),
                        (head_x + 1, 0.6),
                        (head_x - 0.3, 0.6),
                    ]
                ),
                brush.look.shade(pillow),
            )
        ],
    )


def draw_blanket(brush: Brush, start: float, feet_x: float, light: Light, rng: Random) -> None:
    """Draw a blanket over a sleeper from the waist to the feet."""
    colour = times(rng.choice(((150, 190, 226), (248, 196, 130), (186, 170, 224), (160, 206, 170))), light)
    shape = [
        (start, -0.42),
        (start + 0.5, -0.56),
        (feet_x - 0.3, -0.46),
        (feet_x + 0.18, -0.36),
        (feet_x + 0.24, 0.3),
        (feet_x - 0.2, 0.58),
        (start + 0.6, 0.64),
        (start - 0.06, 0.5),
        (start - 0.03, 0.0),
    ]
    dark = brush.look.shade(colour)
    dots = [
        (oval(start + 0.25 + 0.32 * k, -0.2 + 0.26 * (k % 3), 0.055, 0.055), lighter(colour, 0.55))
        for k in range(round((feet_x - start) / 0.32))
    ]
    low = smooth(
        [
            (start - 0.3, 0.2),
            (start + 0.7, 0.26),
            (feet_x, 0.1),
            (feet_x + 0.5, 0.1),
            (feet_x + 0.4, 0.9),
            (start - 0.3, 0.9),
        ]
    )
    brush.blob(shape, colour, 1.0, [(low, dark), *dots])
    brush.blob(
        [
            (start - 0.07, -0.43),
            (start + 0.13, -0.48),
            (start + 0.1, 0.0),
            (start + 0.1, 0.56),
            (start - 0.1, 0.51),
            (start - 0.07, 0.0),
        ],
        lighter(colour, 0.6),
        0.9,
    )
