"""Poses: where hands, feet and head go, for any build."""

import math
from random import Random

from kolors_dagster.mini.drawings.geometry import Point
from kolors_dagster.mini.drawings.scene import SEATED, Scene
from kolors_dagster.mini.drawings.skeleton import BUILDS, Build, Limb, Skeleton, arm, leg

HEAD_ABOVE_NECK = 0.53
# Elbow and hand of the arm that holds a thing up, from the shoulder's width and the neck.
HOLDS = {
    "umbrella": ((0.16, 0.66), (0.2, 0.2)),
    "balloon": ((0.16, 0.66), (0.26, 0.16)),
    "flowers": ((0.14, 0.68), (-0.16, 0.46)),
}


def pose_figure(scene: Scene, rng: Random) -> Skeleton:
    """Return the joints of the scene's figure; small things (which hand, how far) are drawn by lot."""
    build = BUILDS[scene.age]
    turn = (
        1.0
        if scene.framing == "side"
        else 0.55
        if scene.pose in ("walk", "run")
        else rng.choice((0.0, 0.0, 0.3, 0.45))
    )
    if scene.pose in ("chin", "sleep", "read", "guitar"):
        turn = rng.choice((0.0, 0.0, 0.25))
    lean = {"run": 0.2, "walk": 0.04, "dance": rng.uniform(-0.1, 0.1)}.get(
        scene.pose, rng.uniform(-0.03, 0.03)
    )
    if scene.age == "old":
        lean += 0.06
    seated = scene.pose in SEATED and not (
        scene.pose == "read" and scene.framing == "half" and rng.random() < 0.5
    )
    torso = build.torso * (0.9 if seated else 1.0)
    neck = (math.sin(lean) * torso, -math.cos(lean) * torso)
    tilt = _tilt(scene, rng)
    head = (
        neck[0] + math.sin(lean + tilt) * HEAD_ABOVE_NECK,
        neck[1] - math.cos(lean + tilt) * HEAD_ABOVE_NECK,
    )
    arms, layers = _arms(scene, build, neck, head, turn, seated, rng)
    legs, ground = _legs(scene, build, turn, seated, rng)
    wind = {"run": 1.0, "walk": 0.4, "dance": rng.uniform(-0.6, 0.6)}.get(scene.pose, 0.0)
    if scene.place in ("sea", "rooftop", "meadow") and scene.pose != "sleep":
        wind += 0.25
    return Skeleton(build, lean, lean + tilt, turn, neck, head, arms, legs, layers, seated, wind, ground)


def _tilt(scene: Scene, rng: Random) -> float:
    around = {
        "wish": -0.06,
        "sing": -0.1,
        "read": 0.05,
        "run": -0.06,
        "chin": rng.choice((-0.12, 0.12)),
        "sleep": 0.04,
    }
    spread = 0.03 if scene.framing == "side" else 0.09
    return around.get(scene.pose, 0.0) + rng.uniform(-spread, spread)


def _arms(
    scene: Scene, build: Build, neck: Point, head: Point, turn: float, seated: bool, rng: Random
) -> tuple[tuple[Limb, Limb], tuple[str, str]]:
    nx, ny = neck
    s, a = build.shoulder, build.arm
    out = [1.0, 1.0]
    layer = ["body", "body"]
    down = (nx - s - 0.1, ny + a * 0.98), (nx + s + 0.1, ny + a * 0.98)
    hands: list[Point] = list(down)
    pose = scene.pose
    if turn >= 0.8:
        hands = [(nx + 0.16, ny + a * 0.95), (nx + 0.26, ny + a * 0.9)]
    if pose == "stand" or (pose == "sit" and turn >= 0.8):
        _rest(scene, hands, layer, neck, build, turn, seated, rng)
    elif pose == "sit":
        lap = rng.choice((0.08, 0.2, 0.3))
        hands = [(-lap, 0.12), (lap, 0.12)]
    elif pose == "chin":
        return _folded(nx, ny, s, turn, (0.48, 0.76), (0.29, head[1] - ny + 0.46)), ("face", "face")
    elif pose == "sing":
        hands[1] = (head[0] + 0.16 + 0.5 * turn, head[1] + 0.64 - 0.12 * turn)
        layer[1] = "face"
        if turn >= 0.8:
            hands[0] = (nx + 0.62, ny + 0.15)
        else:
            hands[0] = rng.choice(
                ((nx - s - 0.66, ny - 0.12), (nx - s - 0.7, ny + 0.3), (nx + 0.02, ny + 0.4))
            )
    elif pose == "wish":
        return _folded(nx, ny, s, turn, (0.38, 0.66), (0.07, 0.36)), ("body", "body")
    elif pose == "walk":
        swing = 0.36
        hands = [(nx - swing, ny + a * 0.86), (nx + swing + 0.12, ny + a * 0.8)]
        out = [1.0, -1.0]
    elif pose == "run":
        hands = [(nx - 0.42, ny + 0.5), (nx + 0.62, ny + 0.36)]
        out = [1.0, -1.0]
    elif pose == "dance":
        hands = [(nx - s - 0.62, ny + 0.02), (nx + s + 0.46, ny - 0.66)]
        layer[1] = "face"
    elif pose == "wave":
        hands[1] = (nx + s + 0.56, ny - 0.42)
        layer[1] = "face"
    elif pose == "guitar":
        hands = [(-0.06, -0.34), (0.62, -0.62)]
    elif pose == "read":
        hands = [(nx - 0.3, ny + 0.66), (nx + 0.3, ny + 0.66)]
    elif pose == "sleep":
        hands = [(-0.1, ny + 0.55), (head[0] + 0.3, head[1] + 0.46)]
        layer[1] = "face"
    arms = tuple(arm(build, neck, side, hands[i], turn, out[i]) for i, side in enumerate((-1, 1)))
    if scene.thing in HOLDS:
        (out_x, elbow_y), (hand_x, hand_y) = HOLDS[scene.thing]
        held = _folded(nx, ny, s, turn, (s + out_x, elbow_y), (s + hand_x, hand_y))[1]
        return (arms[0], held), (layer[0], "body")
    return (arms[0], arms[1]), (layer[0], layer[1])


def _folded(nx: float, ny: float, s: float, turn: float, elbow: Point, hand: Point) -> tuple[Limb, Limb]:
    """Return arms bent towards us, so that they look shorter: elbow and hand from the neck, mirrored."""
    forward = 0.3 * turn
    width = 1 - 0.62 * turn
    limbs = [
        Limb(
            (nx + side * s * width, ny + 0.15),
            (nx + side * elbow[0] * width + forward * 0.3, ny + elbow[1]),
            (nx + side * hand[0] * width + forward, ny + hand[1]),
        )
        for side in (-1, 1)
    ]
    return limbs[0], limbs[1]


def _rest(
    scene: Scene,
    hands: list[Point],
    layer: list[str],
    neck: Point,
    build: Build,
    turn: float,
    seated: bool,
    rng: Random,
) -> None:
    nx = neck[0]
    kind = rng.choice(("down", "hip", "front", "back"))
    if turn >= 0.8:
        if seated:
            hands[:] = [(0.36, -0.02), (0.42, -0.02)]
    elif kind == "hip":
        hands[0] = (-0.3, -0.16)
    elif kind == "front":
        hands[:] = [(nx - 0.05, -0.02), (nx + 0.05, -0.02)]
    elif kind == "back":
        hands[:] = [(-0.08, -0.1), (0.08, -0.1)]
        layer[:] = ["behind", "behind"]


def _legs(
    scene: Scene, build: Build, turn: float, seated: bool, rng: Random
) -> tuple[tuple[Limb, Limb], float]:
    g = build.leg
    if seated and turn >= 0.8:
        knee, shin = (g * 0.5, 0.03), g * 0.5
        limbs = tuple(
            Limb((0.0, 0.0), (knee[0] + d, knee[1]), (knee[0] + d * 2, knee[1] + shin)) for d in (0.0, 0.08)
        )
        return (limbs[0], limbs[1]), 0.03 + shin + 0.1
    if seated:
        gap = rng.uniform(0.13, 0.2)
        limbs = tuple(
            Limb((s * 0.15, 0.0), (s * (gap + 0.05), 0.36), (s * gap, 0.36 + g * 0.5)) for s in (-1, 1)
        )
        return (limbs[0], limbs[1]), 0.36 + g * 0.5 + 0.1
    ground = g + 0.09
    feet: tuple[Point, Point]
    if scene.pose == "walk":
        feet = (-0.3, g * 0.95), (0.3, g * 0.98)
    elif scene.pose == "run":
        feet = (-0.62, g * 0.62), (0.4, g * 0.86)
    elif scene.pose == "dance":
        feet = (-0.42, g * 0.72), (0.06, g)
        return (leg(build, -1, feet[0], turn, 1.0), leg(build, 1, feet[1], turn)), ground
    elif turn >= 0.8:
        feet = (-0.04, g), (0.07, g)
    else:
        stance = rng.choice((0.12, 0.16, 0.24))
        feet = (-stance, g), (stance, g)
        return (leg(build, -1, feet[0], turn, 1.0), leg(build, 1, feet[1], turn, -1.0)), ground
    return (leg(build, -1, feet[0], turn), leg(build, 1, feet[1], turn)), ground
