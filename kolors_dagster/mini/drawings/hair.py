"""What a head of hair is: the scene's attributes and what is drawn by lot."""

from dataclasses import dataclass
from random import Random

from kolors_dagster.mini.drawings.colours import Colour


@dataclass(frozen=True)
class Hair:
    """Colour, length, tie, and what is drawn by lot: bangs, curl, which side, ribbon."""

    colour: Colour
    length: str
    tie: str
    gender: str
    bangs: str
    curl: float
    side: int
    ribbon: Colour
    turn: float
    wind: float


def choose_hair(
    colour: Colour, length: str, tie: str, gender: str, turn: float, wind: float, ribbon: Colour, rng: Random
) -> Hair:
    """Return hair of these attributes with its details drawn by lot."""
    bangs = (
        rng.choice(("straight", "swept", "parted")) if gender == "female" else rng.choice(("swept", "spiky"))
    )
    return Hair(
        colour, length, tie, gender, bangs, rng.uniform(0.0, 1.0), rng.choice((-1, 1)), ribbon, turn, wind
    )
