"""Proportions by age, and the joints of a posed figure. Unit: one head height; origin: the pelvis; y down."""

from dataclasses import dataclass

from kolors_dagster.mini.drawings.geometry import Point, bend


@dataclass(frozen=True)
class Build:
    """Lengths in head heights: torso (pelvis to neck), leg, half shoulder width, arm."""

    torso: float
    leg: float
    shoulder: float
    arm: float


BUILDS = {
    "child": Build(0.7, 0.74, 0.262, 0.8),
    "young": Build(0.85, 1.04, 0.3, 1.0),
    "adult": Build(0.97, 1.3, 0.33, 1.14),
    "old": Build(0.87, 0.98, 0.325, 1.02),
}


@dataclass(frozen=True)
class Limb:
    """Root, joint and tip of an arm or a leg."""

    root: Point
    joint: Point
    tip: Point


@dataclass(frozen=True)
class Skeleton:
    """Joints of a figure. Index 0 is the limb at picture left, 1 at picture right, before mirroring.

    `turn` is 0 facing us, 1 in profile towards +x. `arm_layer` says per arm: behind the body, on it, or over
    the face. `wind` blows hair and hem towards -x. `ground` is the y of the soles (or of the seat's floor).
    """

    build: Build
    lean: float
    tilt: float
    turn: float
    neck: Point
    head: Point
    arms: tuple[Limb, Limb]
    legs: tuple[Limb, Limb]
    arm_layer: tuple[str, str] = ("body", "body")
    seated: bool = False
    wind: float = 0.0
    ground: float = 0.0


def arm(build: Build, neck: Point, side: int, hand: Point, turn: float, elbow_out: float = 1.0) -> Limb:
    """Return an arm whose hand reaches for `hand` (figure units).

    Of the two ways to bend, the elbow takes the lower and outer one, or the inner one if `elbow_out` is -1;
    in profile it points back.
    """
    width = build.shoulder * (1 - 0.62 * turn)
    root = (neck[0] + side * width, neck[1] + 0.15)
    outward = side * elbow_out if turn < 0.8 else -1.0
    ways = [bend(root, hand, build.arm * 0.5, build.arm * 0.5, sign) for sign in (-1.0, 1.0)]
    joint, tip = max(ways, key=lambda way: outward * way[0][0] + 0.7 * way[0][1])
    return Limb(root, joint, tip)


def leg(build: Build, side: int, foot: Point, turn: float, knee: float = -1.0) -> Limb:
    """Return a leg whose ankle reaches for `foot`; the knee bends towards +x unless `knee` is +1."""
    root = (side * 0.15 * (1 - 0.75 * turn), 0.0)
    joint, tip = bend(root, foot, build.leg * 0.5, build.leg * 0.5, knee)
    return Limb(root, joint, tip)
