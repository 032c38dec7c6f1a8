"""An oversampled canvas and the brush that draws on it in local coordinates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from kolors_dagster.mini.drawings.colours import Colour, mix
from kolors_dagster.mini.drawings.geometry import Frame, Point, Points, oval, ribbon, smooth
from kolors_dagster.mini.drawings.look import Look

Shade = tuple[Points, Colour]


class Canvas:
    """Colour, and, for styles that ask (`look.layers`), lines alone and the figure's mask, oversampled.

    `pen` is the width of a line of weight 1, in oversampled pixels; `plane` the value that shapes leave in the mask.
    """

    def __init__(self, width: int, height: int, oversampling: int, look: Look) -> None:
        self.look = look
        self.oversampling = oversampling
        self.width, self.height = width * oversampling, height * oversampling
        size = (self.width, self.height)
        self.colour = Image.new("RGB", size, (255, 255, 255))
        self.line = Image.new("L", size) if look.layers else None
        self.mask = Image.new("L", size) if look.layers else None
        self.light = Image.new("RGB", (max(1, self.width // 8), max(1, self.height // 8)))
        self.plane = 0
        self.pen = 1.0
        self.pens = [ImageDraw.Draw(self.colour)]
        self.line_draw = ImageDraw.Draw(self.line) if self.line else None
        self.mask_draw = ImageDraw.Draw(self.mask) if self.mask else None
        self.light_draw = ImageDraw.Draw(self.light)

    def fill(self, points: list[Point], colour: Colour) -> None:
        """Fill a polygon in pixels; it hides lines below it and belongs to the current plane."""
        if len(points) < 3:
            return
        self.pens[0].polygon(points, fill=colour)
        if self.line_draw and self.mask_draw:
            self.line_draw.polygon(points, fill=0)
            self.mask_draw.polygon(points, fill=self.plane)

    def segments(
        self, points: list[Point], widths: Sequence[float], colour: Colour, strength: int = 255
    ) -> None:
        """Draw a line of changing width as short segments with round joints."""
        draws: list[tuple[ImageDraw.ImageDraw, int | Colour]] = [(self.pens[0], colour)]
        if self.line_draw and self.mask_draw:
            draws += [(self.line_draw, strength), (self.mask_draw, self.plane)]
        for i in range(len(points) - 1):
            w = widths[i]
            (x0, y0), (x1, y1) = points[i], points[i + 1]
            for draw, ink in draws:
                draw.line((x0, y0, x1, y1), fill=ink, width=max(1, round(w)))
                if w > 2.5:
                    r = w / 2 - 0.5
                    draw.ellipse((x1 - r, y1 - r, x1 + r, y1 + r), fill=ink)

    def clip(self, shape: list[Point], shades: Sequence[tuple[list[Point], Colour]]) -> None:
        """Paint `shades` inside `shape` only."""
        box = self._box(shape)
        if box is None:
            return
        x0, y0, x1, y1 = box
        inside = Image.new("L", (x1 - x0, y1 - y0))
        ImageDraw.Draw(inside).polygon([(x - x0, y - y0) for x, y in shape], fill=255)
        for points, colour in shades:
            if len(points) < 3:
                continue
            part = Image.new("L", inside.size)
            ImageDraw.Draw(part).polygon([(x - x0, y - y0) for x, y in points], fill=255)
            self.colour.paste(colour, (x0, y0), ImageChops.darker(part, inside))

    def gradient(self, shape: list[Point], top: Colour, bottom: Colour) -> None:
        """Fill `shape` with a vertical gradient over its bounding box."""
        self.fill(shape, bottom)
        box = self._box(shape)
        if box is None:
            return
        x0, y0, x1, y1 = box
        ys = [y for _, y in shape]
        span = max(max(ys) - min(ys), 1.0)
        column = Image.new("RGB", (1, 64))
        for i in range(64):
            at = (y0 + (y1 - y0) * (i + 0.5) / 64 - min(ys)) / span
            column.putpixel((0, i), mix(top, bottom, at))
        inside = Image.new("L", (x1 - x0, y1 - y0))
        ImageDraw.Draw(inside).polygon([(x - x0, y - y0) for x, y in shape], fill=255)
        self.colour.paste(column.resize(inside.size, Image.Resampling.BILINEAR), (x0, y0), inside)

    def tint(self, shape: list[Point], colour: Colour, alpha: float) -> None:
        """Blend a colour over `shape`, as glass or a cast shadow does."""
        box = self._box(shape)
        if box is None:
            return
        x0, y0, x1, y1 = box
        inside = Image.new("L", (x1 - x0, y1 - y0))
        ImageDraw.Draw(inside).polygon([(x - x0, y - y0) for x, y in shape], fill=round(alpha * 255))
        self.colour.paste(colour, (x0, y0), inside)

    def shine(self, points: list[Point], colour: Colour) -> None:
        """Add light of a shape to what the next `release_light` lays over the picture."""
        part = [(x / 8, y / 8) for x, y in points]
        self.light_draw.polygon(part, fill=colour)

    def release_light(self, blur: float) -> None:
        """Screen the gathered light over the picture; `blur` is a share of the canvas height."""
        soft = self.light.filter(ImageFilter.GaussianBlur(blur * self.height / 8))
        soft = soft.resize(self.colour.size, Image.Resampling.BILINEAR)
        self.colour.paste(ImageChops.screen(self.colour, soft))
        self.light.paste((0, 0, 0), (0, 0, *self.light.size))

    def _box(self, shape: list[Point]) -> tuple[int, int, int, int] | None:
        xs, ys = [p[0] for p in shape], [p[1] for p in shape]
        box = (
            max(0, math.floor(min(xs))),
            max(0, math.floor(min(ys))),
            min(self.width, math.ceil(max(xs)) + 1),
            min(self.height, math.ceil(max(ys)) + 1),
        )
        return box if box[0] < box[2] and box[1] < box[3] else None


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
        """Fill a polygon, with clipped shades, an optional gradient to `bottom`, and an outline of weight `line`."""
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
        for (x0, y0), (x1, y1) in zip(loop, loop[1:], strict=False):
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
