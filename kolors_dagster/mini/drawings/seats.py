"""What a seated or sleeping figure rests on, by place. Unit: one head height; origin: the figure's pelvis."""

from random import Random

from kolors_dagster.mini.drawings.brush import Brush, rectangle
from kolors_dagster.mini.drawings.colours import Colour, darker, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval, smooth

Light = tuple[float, float, float]
SOFAS: tuple[Colour, ...] = (
    (236, 176, 110),
    (128, 178, 190),
    (226, 138, 132),
    (158, 176, 128),
    (176, 158, 206),
)


def draw_seat(brush: Brush, place: str, ground: float, light: Light, rng: Random) -> None:
    """Draw the place's seat; its top is just below the pelvis, its feet at `ground`."""
    if place in ("home", "bedroom"):
        draw_sofa(brush, 1.25 if place == "home" else 0.8, ground, times(rng.choice(SOFAS), light), rng)
    elif place == "concert":
        _draw_theatre_seat(brush, ground, times((186, 60, 78), light))
    elif place in ("forest", "meadow", "sea"):
        _draw_log(brush, ground, times((168, 120, 84), light), place == "sea")
    elif place in ("street", "snow", "rooftop"):
        _draw_bench(brush, ground, times((182, 126, 84), light), place == "snow")
    else:
        _draw_chair(
            brush, ground, times(rng.choice(((206, 150, 100), (226, 120, 116), (110, 150, 196))), light)
        )


def draw_sofa(brush: Brush, half: float, ground: float, colour: Colour, rng: Random) -> None:
    """Draw a soft sofa with arms and cushions, `half` its half width."""
    dark, line = brush.look.shade(colour), brush.look.line_colour(colour)
    for side in (-1, 1):
        brush.box(
            side * half * 0.9 - 0.06, ground - 0.16, side * half * 0.9 + 0.06, ground, (120, 84, 70), 0.9
        )
    back = [
        (-half, 0.2),
        (-half, -0.8),
        (-half * 0.9, -0.98),
        (0, -1.02),
        (half * 0.9, -0.98),
        (half, -0.8),
        (half, 0.2),
    ]
    brush.blob(
        back,
        lighter(colour, 0.06),
        1.0,
        [(rectangle(-half - 0.2, -0.12, half + 0.2, 0.3), dark)],
        bottom=colour,
    )
    brush.ink([(0, -1.0), (0.012, -0.5), (0, -0.05)], line, 0.8)
    for x in (-0.5, 0.5):
        brush.oval(x * half, -0.55, 0.025, 0.025, dark, 0.7)
    brush.box(
        -half,
        0.12,
        half,
        ground - 0.12,
        colour,
        1.0,
        round_by=0.1,
        shades=[(rectangle(-half - 0.1, 0.36, half + 0.1, 2.0), dark)],
    )
    for side in (-1, 1):
        brush.box(
            min(0.0, side * half * 0.98),
            0.02,
            max(0.0, side * half * 0.98),
            0.3,
            lighter(colour, 0.1),
            1.0,
            round_by=0.12,
        )
    for side in (-1, 1):
        x = side * (half + 0.08)
        brush.blob(
            [
                (x - 0.17, ground - 0.12),
                (x - 0.17, -0.3),
                (x, -0.4),
                (x + 0.17, -0.3),
                (x + 0.17, ground - 0.12),
            ],
            lighter(colour, 0.04),
            1.0,
            [(rectangle(x + 0.04, -1, x + 0.4, 2), dark)],
        )
    if half > 1.0:
        cushion = rng.choice(((250, 220, 140), (240, 150, 160), (150, 200, 220), (250, 240, 224)))
        x = rng.choice((-1, 1)) * half * 0.7
        c = brush.at(x, -0.2, angle=rng.uniform(-0.3, 0.3))
        c.blob(
            [
                (-0.28, -0.26),
                (0, -0.22),
                (0.28, -0.26),
                (0.25, 0),
                (0.28, 0.26),
                (0, 0.22),
                (-0.28, 0.26),
                (-0.25, 0),
            ],
            cushion,
            0.9,
            [(oval(0.05, 0.22, 0.3, 0.14), brush.look.shade(cushion))],
        )


def _draw_theatre_seat(brush: Brush, ground: float, colour: Colour) -> None:
    for dx in (-1.36, 1.36, 0.0):
        seat = brush.at(dx, 0)
        dark = seat.look.shade(colour)
        seat.blob(
            [(-0.6, 0.3), (-0.62, -0.9), (-0.4, -1.2), (0.4, -1.2), (0.62, -0.9), (0.6, 0.3)],
            colour,
            1.0,
            [(smooth([(0.3, -1.3), (0.36, 0.4), (0.8, 0.4), (0.8, -1.3)]), dark)],
            bottom=darker(colour, 0.12),
        )
        seat.box(-0.55, 0.08, 0.55, 0.42, lighter(colour, 0.1), 1.0, round_by=0.14)
        for side in (-1, 1):
            seat.box(
                side * 0.66 - 0.08, -0.22, side * 0.66 + 0.08, -0.08, darker(colour, 0.55), 0.9, round_by=0.05
            )
            seat.box(side * 0.66 - 0.05, -0.08, side * 0.66 + 0.05, ground, darker(colour, 0.6), 0.9)


def _draw_chair(brush: Brush, ground: float, colour: Colour) -> None:
    for side in (-1, 1):
        brush.limb(
            [(side * 0.34, 0.2), (side * 0.38, ground * 0.6), (side * 0.4, ground)],
            [0.09, 0.08, 0.07],
            darker(colour, 0.2),
            0.9,
        )
    brush.box(
        -0.4,
        -0.95,
        0.4,
        -0.3,
        colour,
        1.0,
        round_by=0.16,
        shades=[(oval(0.3, -0.5, 0.25, 0.5), brush.look.shade(colour))],
    )
    for side in (-1, 1):
        brush.box(side * 0.3 - 0.04, -0.4, side * 0.3 + 0.04, 0.2, darker(colour, 0.12), 0.9)
    brush.box(-0.46, 0.12, 0.46, 0.26, lighter(colour, 0.12), 1.0, round_by=0.06)


def _draw_bench(brush: Brush, ground: float, wood: Colour, snowy: bool) -> None:
    iron = mix(darker(wood, 0.6), (60, 70, 90), 0.4)
    for side in (-1, 1):
        brush.limb(
            [(side * 1.05, -0.72), (side * 1.02, 0.2), (side * 1.1, ground)], [0.09, 0.1, 0.09], iron, 0.9
        )
    for y in (-0.66, -0.42, -0.18):
        brush.box(
            -1.3,
            y,
            1.3,
            y + 0.16,
            wood,
            1.0,
            round_by=0.04,
            shades=[(rectangle(-2, y + 0.1, 2, y + 0.3), brush.look.shade(wood))],
        )
    brush.box(-1.34, 0.12, 1.34, 0.27, lighter(wood, 0.14), 1.0, round_by=0.05)
    if snowy:
        for y, w in ((-0.68, 1.28), (0.12, 1.3)):
            brush.blob(
                [(-w, y + 0.03), (-w * 0.6, y - 0.1), (0, y - 0.07), (w * 0.6, y - 0.11), (w, y + 0.03)],
                (246, 250, 255),
                0.7,
            )


def _draw_log(brush: Brush, ground: float, wood: Colour, bleached: bool) -> None:
    if bleached:
        wood = mix(wood, (224, 214, 200), 0.6)
    dark = brush.look.shade(wood)
    top, low = 0.1, max(0.62, min(ground, 0.95))
    brush.blob(
        [
            (-1.2, top + 0.04),
            (0, top),
            (1.15, top + 0.03),
            (1.3, (top + low) / 2),
            (1.15, low),
            (0, low + 0.02),
            (-1.2, low),
        ],
        wood,
        1.0,
        [(rectangle(-2, (top + low) / 2 + 0.08, 2, 2), dark)],
    )
    brush.oval(-1.18, (top + low) / 2, 0.17, (low - top) / 2, lighter(wood, 0.35), 1.0)
    for k in (0.62, 0.3):
        ring = oval(-1.18, (top + low) / 2, 0.17 * k, (low - top) / 2 * k)
        brush.ink([*ring, ring[0]], dark, 0.7, taper=False, curved=False)
    for x, y in ((-0.6, 0.25), (0.2, 0.2), (0.7, 0.4), (-0.2, 0.45)):
        brush.ink([(x, y), (x + 0.2, y + 0.01), (x + 0.34, y - 0.01)], brush.look.line_colour(wood), 0.7)
