"""Things that a figure holds, and small animals. Unit: one head height of the figure."""

import math
from random import Random

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, lighter, shift
from kolors_dagster.mini.drawings.geometry import Point, oval, smooth
from kolors_dagster.mini.drawings.skeleton import Skeleton

BRIGHT: tuple[Colour, ...] = ((232, 84, 92), (246, 176, 72), (92, 168, 222), (148, 116, 208), (110, 186, 140))


def draw_microphone(brush: Brush, hand: Point, mouth: Point) -> None:
    """Draw a microphone held in `hand`, its head towards `mouth`."""
    angle = math.atan2(mouth[1] - hand[1], mouth[0] - hand[0])
    mic = brush.at(hand[0], hand[1], angle=angle)
    mic.limb([(-0.14, 0), (0.05, 0), (0.2, 0)], [0.055, 0.075, 0.09], (70, 68, 86), 0.9)
    mic.oval(0.25, 0, 0.085, 0.085, (176, 180, 196), 1.0, [(oval(0.22, 0.05, 0.08, 0.06), (128, 130, 150))])
    mic.oval(0.23, -0.035, 0.022, 0.022, (244, 246, 250), 0)
    mic.ink([(0.2, -0.075), (0.19, 0.075)], (70, 68, 86), 1.3, curved=False)


def draw_guitar(brush: Brush, colour: Colour) -> None:
    """Draw a guitar across the body, its neck up to the right; the origin is the pelvis."""
    g = brush.at(-0.04, -0.24, angle=-0.42)
    body = [
        (-0.46, 0),
        (-0.4, -0.24),
        (-0.2, -0.29),
        (-0.02, -0.2),
        (0.14, -0.23),
        (0.27, -0.12),
        (0.28, 0.08),
        (0.16, 0.2),
        (-0.02, 0.19),
        (-0.2, 0.28),
        (-0.4, 0.24),
    ]
    g.blob(
        body,
        lighter(colour, 0.15),
        1.1,
        [(oval(-0.1, 0.24, 0.45, 0.12), brush.look.shade(colour))],
        bottom=colour,
    )
    g.oval(0.02, 0.0, 0.1, 0.1, (62, 40, 38), 0.8)
    g.box(0.08, -0.042, 0.98, 0.042, (112, 74, 54), 0.9)
    g.box(0.98, -0.07, 1.16, 0.07, (86, 56, 46), 0.9, round_by=0.03)
    g.box(-0.28, -0.09, -0.23, 0.09, (80, 52, 44), 0.7)
    for y in (-0.02, 0.0, 0.02):
        g.ink([(-0.25, y), (1.05, y)], (240, 232, 214), 0.35, taper=False, curved=False)
    for k in (0.4, 0.55, 0.7, 0.85):
        g.ink([(k, -0.04), (k, 0.04)], (214, 190, 150), 0.4, taper=False, curved=False)


def draw_book(brush: Brush, x: float, y: float, colour: Colour) -> None:
    """Draw an open book, seen from its cover side."""
    for s in (-1, 1):
        brush.poly(
            [(x, y - 0.16), (x + s * 0.34, y - 0.22), (x + s * 0.34, y + 0.16), (x, y + 0.22)],
            (252, 246, 232),
            0.8,
        )
        brush.poly(
            [(x, y - 0.12), (x + s * 0.32, y - 0.18), (x + s * 0.33, y + 0.2), (x, y + 0.26)],
            colour,
            1.0,
            [
                (
                    [(x, y), (x + s * 0.06, y - 0.2), (x + s * 0.06, y + 0.3), (x, y + 0.3)],
                    brush.look.shade(colour),
                )
            ],
        )


def draw_umbrella(brush: Brush, hand: Point, colour: Colour) -> None:
    """Draw an open umbrella above the head, its stick in `hand`."""
    x, y = hand
    u = brush.at(x + 0.13, y - 1.55, angle=0.08)
    u.ink([(0, 0), (0, 1.65)], (104, 76, 66), 2.4, taper=False, curved=False)
    rim = [(-0.98, 0.16), (-0.66, 0.06), (-0.33, 0.14), (0, 0.05), (0.33, 0.14), (0.66, 0.06), (0.98, 0.16)]
    dome = smooth(
        [
            (0.98, 0.16),
            (0.82, -0.22),
            (0.46, -0.48),
            (0, -0.58),
            (-0.46, -0.48),
            (-0.82, -0.22),
            (-0.98, 0.16),
        ],
        closed=False,
    )
    panels = [
        (
            smooth([(0, -0.6), (-0.2, -0.3), (-0.33, 0.2), (-1.1, 0.3), (-0.9, -0.3)]),
            brush.look.shade(colour),
        ),
        (smooth([(0, -0.6), (0.24, -0.3), (0.33, 0.2), (0.66, 0.1), (0.5, -0.3)]), lighter(colour, 0.22)),
    ]
    u.poly([*dome, *smooth(rim, closed=False)], colour, 1.1, panels)
    line = brush.look.line_colour(colour)
    for k in (-0.33, 0.33):
        u.ink([(0, -0.57), (k * 0.75, -0.3), (k, 0.13)], line, 0.7)
    u.ink([(0, -0.58), (0, -0.7)], line, 1.6, taper=False, curved=False)


def draw_flowers(brush: Brush, hand: Point, rng: Random) -> None:
    """Draw a bouquet in `hand`."""
    x, y = hand
    brush.poly(
        [(x - 0.05, y + 0.18), (x + 0.07, y + 0.18), (x + 0.26, y - 0.2), (x - 0.24, y - 0.2)],
        (250, 240, 224),
        0.9,
        [([(x - 0.3, y - 0.2), (x, y - 0.2), (x, y + 0.2), (x - 0.2, y + 0.2)], (228, 212, 204))],
    )
    hue = rng.choice(BRIGHT)
    for k in range(5):
        brush.blob(
            [(x - 0.3 + 0.15 * k, y - 0.16), (x - 0.34 + 0.16 * k, y - 0.36), (x - 0.22 + 0.14 * k, y - 0.3)],
            (112, 172, 112),
            0.7,
        )
    for k in range(7):
        fx, fy = x - 0.21 + 0.07 * k + rng.uniform(-0.02, 0.02), y - 0.24 - 0.1 * ((k * 3) % 4) / 2
        c = shift(hue, rng.uniform(-0.04, 0.04), rng.uniform(0.6, 1.0), 1.05)
        for a in range(5):
            t = a * 2 * math.pi / 5 + k
            brush.oval(fx + 0.045 * math.cos(t), fy + 0.045 * math.sin(t), 0.04, 0.04, c, 0.5)
        brush.oval(fx, fy, 0.028, 0.028, (252, 222, 120), 0)


def draw_balloon(brush: Brush, hand: Point, colour: Colour) -> None:
    """Draw a balloon on a string above `hand`."""
    x, y = hand
    brush.ink([(x, y + 0.04), (x + 0.08, y - 0.5), (x + 0.02, y - 0.95)], (150, 140, 150), 0.8, taper=False)
    brush.blob(
        [
            (x, y - 1.75),
            (x + 0.34, y - 1.45),
            (x + 0.02, y - 0.96),
            (x + 0.02, y - 0.96),
            (x - 0.32, y - 1.45),
        ],
        colour,
        1.0,
        [
            (oval(x - 0.18, y - 1.2, 0.3, 0.3), brush.look.shade(colour)),
            (oval(x + 0.1, y - 1.52, 0.07, 0.11), lighter(colour, 0.6)),
        ],
    )


def draw_cat(brush: Brush, colour: Colour) -> None:
    """Draw a sitting cat; the origin is the ground under it, about one unit high."""
    dark = brush.look.shade(colour)
    line = brush.look.line_colour(colour)
    brush.limb([(0.2, -0.06), (0.42, -0.1), (0.5, -0.34), (0.42, -0.5)], [0.1, 0.1, 0.09, 0.06], colour, 1.0)
    brush.blob(
        [(-0.2, 0), (-0.24, -0.24), (-0.12, -0.5), (0.12, -0.5), (0.25, -0.24), (0.22, 0), (0, 0.02)],
        colour,
        1.0,
        [
            (smooth([(0.05, -0.5), (0.12, -0.2), (0.05, 0.05), (0.4, 0.05), (0.4, -0.5)]), dark),
            (oval(0, -0.26, 0.09, 0.14), lighter(colour, 0.6)),
        ],
    )
    for s in (-1, 1):
        brush.poly(
            [(s * 0.08, -0.78), (s * 0.25, -0.94), (s * 0.27, -0.66)],
            colour,
            1.0,
            [([(s * 0.13, -0.78), (s * 0.22, -0.87), (s * 0.23, -0.7)], (244, 166, 160))],
        )
    brush.blob(
        [
            (0, -0.84),
            (0.2, -0.78),
            (0.3, -0.6),
            (0.2, -0.44),
            (0, -0.4),
            (-0.2, -0.44),
            (-0.3, -0.6),
            (-0.2, -0.78),
        ],
        colour,
        1.0,
        [(oval(0, -0.46, 0.16, 0.1), lighter(colour, 0.7))],
    )
    for s in (-1, 1):
        brush.oval(s * 0.12, -0.61, 0.045, 0.06, (60, 58, 50), 0)
        brush.oval(s * 0.12 - 0.015, -0.635, 0.018, 0.02, (255, 255, 255), 0)
        brush.ink([(s * 0.17, -0.52), (s * 0.38, -0.55)], line, 0.5, curved=False)
        brush.ink([(s * 0.17, -0.49), (s * 0.37, -0.46)], line, 0.5, curved=False)
        brush.oval(s * 0.1, -0.01, 0.08, 0.05, lighter(colour, 0.3), 0.9)
    brush.oval(0, -0.535, 0.025, 0.018, (232, 120, 120), 0)
    brush.ink([(-0.06, -0.49), (-0.03, -0.47), (0, -0.51), (0.03, -0.47), (0.06, -0.49)], line, 0.7)


def draw_notes(brush: Brush, head: Point, rng: Random) -> None:
    """Draw music notes that fly from a singer."""
    for k in range(3):
        x = head[0] + 0.85 + 0.34 * k + rng.uniform(-0.1, 0.1)
        y = head[1] + 0.1 - 0.3 * (k % 2) - 0.14 * k
        n = brush.at(x, y, rng.uniform(0.8, 1.1), rng.uniform(-0.3, 0.2))
        colour = rng.choice(BRIGHT)
        n.oval(0, 0, 0.075, 0.055, colour, 0.8)
        n.ink([(0.066, -0.01), (0.066, -0.3)], brush.look.line_colour(colour), 1.6, taper=False, curved=False)
        n.ink([(0.066, -0.3), (0.16, -0.22), (0.17, -0.12)], brush.look.line_colour(colour), 1.9)


def held_in_hand(thing: str, sk: Skeleton) -> bool:
    """Return whether the picture-right hand closes around the thing."""
    return thing in ("microphone", "umbrella", "flowers", "balloon")
