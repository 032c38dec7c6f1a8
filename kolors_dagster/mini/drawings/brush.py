"""A brush: draws shapes on a canvas in local coordinates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from kolors_dagster.mini.drawings.canvas import Canvas
from kolors_dagster.mini.drawings.colours import Colour
from kolors_dagster.mini.drawings.geometry import Frame, Point, Points, oval, ribbon, smooth
from kolors_dagster.mini.drawings.look import Look

Shade = tuple[Points, Colour]


@dataclass(frozen=True)
class Brush:
    """A canvas seen through a frame; every painter draws with one."""

    canvas: Canvas
    frame: Frame

    def at(self, x: float, y: float, scale: float = 1.0, angle: float = 0.0, mirror: float = 1.0) -> "Brush":
        """Return a brush in a frame placed inside this one."""
        return replace(self, frame=self.frame.child(x, y, scale, angle, mirror))

    @property
    def look(self) -> Look:
        """Return the canvas' look."""
        return self.canvas.look

    def tone(self, colour: Colour) -> Colour:
        """Return a colour as the style sees it."""
        return self.canvas.look.tone(colour)

    def poly(
        self,
        points: Points,
        colour: Colour,
        line: float = 1.0,
        shades: Sequence[Shade] = (),
        bottom: Colour | None = None,
        ink: Colour | None = None,
    ) -> None:
        """Fill a polygon, with clipped shades, a gradient to `bottom`, an outline of weight `line`."""
        pixels = self.frame.points(points)
        colour = self.tone(colour)
        if bottom is None:
            self.canvas.fill(pixels, colour)
        else:
            self.canvas.gradient(pixels, colour, self.tone(bottom))
        if shades:
            self.canvas.clip(pixels, [(self.frame.points(ps), self.tone(c)) for ps, c in shades])
        if line > 0:
            self._outline(pixels, line, self.tone(ink) if ink else self.look.line_colour(colour))

    def blob(
        self,
        points: Points,
        colour: Colour,
        line: float = 1.0,
        shades: Sequence[Shade] = (),
        bottom: Colour | None = None,
        ink: Colour | None = None,
    ) -> None:
        """Fill the smooth closed curve through `points` (see `poly`)."""
        self.poly(smooth(points), colour, line, shades, bottom, ink)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Colour,
        line: float = 1.0,
        shades: Sequence[Shade] = (),
        bottom: Colour | None = None,
    ) -> None:
        """Fill an ellipse (see `poly`)."""
        self.poly(oval(x, y, rx, ry), colour, line, shades, bottom)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        colour: Colour,
        line: float = 1.0,
        bottom: Colour | None = None,
        shades: Sequence[Shade] = (),
        round_by: float = 0.0,
    ) -> None:
        """Fill a rectangle with corners rounded by `round_by`."""
        self.poly(rectangle(x0, y0, x1, y1, round_by), colour, line, shades, bottom)

    def limb(
        self,
        points: Points,
        widths: Sequence[float],
        colour: Colour,
        line: float = 1.0,
        shades: Sequence[Shade] = (),
    ) -> None:
        """Fill a smooth ribbon with the given full widths (see `poly`)."""
        self.poly(ribbon(points, widths), colour, line, shades)

    def ink(
        self, points: Points, colour: Colour, weight: float = 1.0, taper: bool = True, curved: bool = True
    ) -> None:
        """Draw an open line; with `taper` it swells in the middle as a pen stroke does."""
        pixels = self.frame.points(smooth(points, closed=False, steps=6) if curved else points)
        n = len(pixels) - 1
        base = self.canvas.pen * weight
        widths = [
            base * (0.35 + 0.75 * math.sin(math.pi * (i + 0.5) / n)) if taper else base for i in range(n)
        ]
        self.canvas.segments(pixels, widths, self.tone(colour), round(255 * min(1.0, 0.4 + weight * 0.6)))

    def glass(self, points: Points, colour: Colour, alpha: float) -> None:
        """Blend a colour over a polygon."""
        self.canvas.tint(self.frame.points(points), self.tone(colour), alpha)

    def shine(self, points: Points, colour: Colour) -> None:
        """Gather light (see `Canvas.shine`)."""
        self.canvas.shine(self.frame.points(points), colour)

    def _outline(self, pixels: list[Point], line: float, colour: Colour) -> None:
        base = self.canvas.pen * line
        loop = [*pixels, pixels[0]]
        widths = []
        for (x0, y0), (x1, y1) in pairwise(loop):
            length = math.hypot(x1 - x0, y1 - y0) or 1.0
            slope = ((x1 - x0) * 0.8 - (y1 - y0) * 0.6) / length
            widths.append(base * (0.82 + 0.3 * abs(slope)))
        self.canvas.segments(loop, widths, colour, round(255 * min(1.0, 0.55 + 0.45 * line)))


def rectangle(x0: float, y0: float, x1: float, y1: float, round_by: float = 0.0) -> list[Point]:
    """Return a rectangle as a polygon, its corners rounded by `round_by`."""
    if round_by <= 0:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    r = min(round_by, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    corners = ((x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180))
    return [
        (cx + r * math.cos(math.radians(a + k * 22.5)), cy + r * math.sin(math.radians(a + k * 22.5)))
        for cx, cy, a in corners
        for k in range(5)
    ]
