"""An oversampled canvas and the brush that draws on it in local coordinates."""

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from kolors_dagster.mini.drawings.colours import Colour, mix
from kolors_dagster.mini.drawings.geometry import Point
from kolors_dagster.mini.drawings.look import Look


class Canvas:
    """Colour, and, for styles that ask (`look.layers`), lines alone and the figure's mask, oversampled.

    `pen` is the width of a line of weight 1, in oversampled pixels; `plane` is what shapes leave in the mask
    (None: nothing).
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
        self.plane: int | None = 0
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
            if self.plane is not None:
                self.mask_draw.polygon(points, fill=self.plane)

    def segments(
        self, points: list[Point], widths: Sequence[float], colour: Colour, strength: int = 255
    ) -> None:
        """Draw a line of changing width as short segments with round joints."""
        draws: list[tuple[ImageDraw.ImageDraw, int | Colour]] = [(self.pens[0], colour)]
        if self.line_draw and self.mask_draw:
            draws.append((self.line_draw, strength))
            if self.plane is not None:
                draws.append((self.mask_draw, self.plane))
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
        low, span = min(ys), max(max(ys) - min(ys), 1.0)
        upright = len(shape) == 4 and shape[0][1] == shape[1][1] and shape[1][0] == shape[2][0]
        # A band a level of colour is enough, and filling bands is far cheaper than resizing a ramp.
        bands = min(y1 - y0, 2 + max(abs(a - b) for a, b in zip(top, bottom, strict=True)))
        part = None if upright else Image.new("RGB", (x1 - x0, y1 - y0))
        draw, dx, dy = (self.pens[0], 0, 0) if part is None else (ImageDraw.Draw(part), x0, y0)
        for i in range(bands):
            a, b = y0 + (y1 - y0) * i // bands, y0 + (y1 - y0) * (i + 1) // bands
            draw.rectangle(
                (x0 - dx, a - dy, x1 - dx - 1, b - dy - 1), fill=mix(top, bottom, ((a + b) / 2 - low) / span)
            )
        if part is not None:
            inside = Image.new("L", part.size)
            ImageDraw.Draw(inside).polygon([(x - x0, y - y0) for x, y in shape], fill=255)
            self.colour.paste(part, (x0, y0), inside)

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
        radius = blur * self.height / 8
        lit = self.light.getbbox()
        if lit is None:
            return
        margin = math.ceil(radius * 3) + 1
        x0, y0 = max(0, lit[0] - margin), max(0, lit[1] - margin)
        x1, y1 = min(self.light.width, lit[2] + margin), min(self.light.height, lit[3] + margin)
        box = (x0 * 8, y0 * 8, min(self.width, x1 * 8), min(self.height, y1 * 8))
        soft = self.light.crop((x0, y0, x1, y1)).filter(ImageFilter.GaussianBlur(radius))
        soft = soft.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)
        self.colour.paste(ImageChops.screen(self.colour.crop(box), soft), box)
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
