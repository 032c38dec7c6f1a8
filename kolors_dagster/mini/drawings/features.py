"""What a face shows."""

from dataclasses import dataclass

from kolors_dagster.mini.drawings.colours import Colour


@dataclass(frozen=True)
class Face:
    """What a face shows: colours, expression, age, gender, and `turn` (0 facing us, 1 in profile to +x)."""

    skin: Colour
    hair: Colour
    eyes: Colour
    expression: str
    age: str
    gender: str
    turn: float
    glasses: bool = False
