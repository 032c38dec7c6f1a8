"""How a style wants the same scene drawn, before it works on the finished picture."""

from collections.abc import Callable
from dataclasses import dataclass

from kolors_dagster.mini.drawings.colours import Colour, brightness, darker, mix, times


def _same(colour: Colour) -> Colour:
    return colour


@dataclass(frozen=True)
class Look:
    """Drawing parameters of a style; the defaults are the plain storybook look.

    `pen` multiplies line widths, `ink` is how far an outline goes from its fill towards dark,
    `shadow` multiplies a colour in the shade, `eyes` multiplies the size of eyes, `gloss` the number and
    strength of highlights, `tone` maps every colour before it is used.
    """

    pen: float = 1.0
    back_pen: float = 0.6
    ink: float = 0.66
    shadow: tuple[float, float, float] = (0.84, 0.78, 0.86)
    eyes: float = 1.08
    gloss: float = 1.0
    gradient: float = 0.12
    layers: bool = False
    tone: Callable[[Colour], Colour] = _same

    def line_colour(self, fill: Colour) -> Colour:
        """Return the outline's colour for a fill: its own dark, so that lines stay soft."""
        return darker(fill, min(0.9, self.ink + 0.12 * brightness(fill)))

    def shade(self, colour: Colour, depth: float = 1.0) -> Colour:
        """Return a colour in the shade."""
        return mix(colour, times(colour, self.shadow), depth)
