"""What every place knows when it is painted: its frame, its light and its weather."""

from dataclasses import dataclass
from random import Random

from kolors_dagster.mini.drawings.colours import Colour
from kolors_dagster.mini.drawings.scene import Scene

# The light of the hour on whatever it falls on; indoors a lamp makes up for most of it.
LIGHT = {
    "morning": (1.0, 0.97, 0.94),
    "day": (1.0, 1.0, 1.0),
    "dusk": (1.0, 0.87, 0.83),
    "night": (0.64, 0.66, 0.88),
}
LAMPLIGHT = {
    "morning": (1.0, 0.98, 0.95),
    "day": (1.0, 1.0, 1.0),
    "dusk": (1.0, 0.93, 0.86),
    "night": (0.9, 0.84, 0.84),
}
SKY: dict[str, tuple[Colour, Colour]] = {
    "morning": ((142, 196, 236), (255, 226, 200)),
    "day": ((94, 172, 236), (208, 236, 250)),
    "dusk": ((112, 98, 178), (255, 176, 130)),
    "night": ((22, 26, 70), (74, 82, 150)),
}
GREY_SKY: dict[str, tuple[Colour, Colour]] = {
    "morning": ((168, 184, 202), (226, 222, 220)),
    "day": ((150, 174, 198), (216, 226, 234)),
    "dusk": ((124, 112, 152), (218, 174, 166)),
    "night": ((34, 38, 66), (84, 88, 124)),
}


@dataclass(frozen=True)
class Setting:
    """A place's frame and hour: x from -`half` to `half`, y from `top` (at most 0) to 1; the floor is near 1.

    `spot` is the x where the figure stands, `light` the light on the ground, `figure_light` on the figure.
    """

    half: float
    top: float
    spot: float
    scene: Scene
    rng: Random

    @property
    def sky(self) -> tuple[Colour, Colour]:
        """Return the sky's colours, above and at the horizon."""
        return (SKY if self.scene.weather == "clear" else GREY_SKY)[self.scene.time]

    @property
    def light(self) -> tuple[float, float, float]:
        """Return the light that things outdoors or indoors are seen in."""
        return LAMPLIGHT[self.scene.time] if self.scene.indoors else LIGHT[self.scene.time]

    @property
    def figure_light(self) -> tuple[float, float, float]:
        """Return the light on the figure, kept brighter than the place so that it stands out."""
        if self.scene.place in ("stage", "concert"):
            return (0.95, 0.92, 1.0)
        r, g, b = self.light
        return 0.7 + 0.3 * r, 0.68 + 0.32 * g, 0.7 + 0.3 * b

    @property
    def night(self) -> bool:
        """Return whether it is dark outside."""
        return self.scene.time == "night"
