"""Heads: face, eyes, brows, mouth, blush, by expression and age. Unit: one head height; origin: its middle."""

from dataclasses import dataclass

from kolors_dagster.mini.drawings.canvas import Brush
from kolors_dagster.mini.drawings.colours import Colour, darker, lighter, mix
from kolors_dagster.mini.drawings.geometry import Point, arc, oval, smooth


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


def face_outline(turn: float) -> list[Point]:
    """Return the outline of the skull and jaw."""
    if turn >= 0.8:
        profile = [
            (0.0, -0.5), (0.26, -0.43), (0.4, -0.22), (0.435, -0.04), (0.425, 0.07), (0.485, 0.17), (0.485, 0.17),
            (0.43, 0.22), (0.44, 0.275), (0.42, 0.32), (0.405, 0.39), (0.33, 0.48), (0.18, 0.475), (-0.02, 0.36),
            (-0.2, 0.24), (-0.42, 0.1), (-0.47, -0.12), (-0.33, -0.4),
        ]  # fmt: skip
        return smooth(profile)
    s = turn
    front = [
        (0.0, -0.5), (0.29, -0.43), (0.44, -0.18), (0.445 - 0.03 * s, 0.08), (0.385 - 0.02 * s, 0.27),
        (0.22 + 0.03 * s, 0.43), (0.02 + 0.1 * s, 0.5), (-0.2 + 0.06 * s, 0.43), (-0.385 + 0.02 * s, 0.27),
        (-0.445, 0.08), (-0.44, -0.18), (-0.29, -0.43),
    ]  # fmt: skip
    return smooth(front)


def draw_face(brush: Brush, face: Face) -> None:
    """Draw the face without hair."""
    shadow = mix(brush.look.shade(face.skin), (214, 120, 110), 0.12)
    outline = face_outline(face.turn)
    fringe = [
        (x, y + 0.05)
        for x, y in (
            (-0.6, -0.7),
            (0.6, -0.7),
            (0.6, 0.0),
            (0.3, -0.06),
            (0.0, -0.1),
            (-0.3, -0.06),
            (-0.6, 0.0),
        )
    ]
    cheek = [(-0.5, -0.1), (-0.4, 0.1), (-0.36, 0.24), (-0.2, 0.4), (0.02, 0.5), (-0.3, 0.6), (-0.6, 0.4)]
    if face.turn < 0.8:
        for side in (-1, 1):
            if side * face.turn <= 0:
                x = side * 0.45
                brush.oval(x, 0.1, 0.07, 0.1, face.skin, 0.8, [(oval(x, 0.12, 0.035, 0.06), shadow)])
    brush.poly(
        outline, face.skin, 1.0, [(smooth(fringe), shadow), (smooth(cheek), mix(face.skin, shadow, 0.55))]
    )
    _blush(brush, face)
    if face.turn >= 0.8:
        brush.oval(-0.06, 0.09, 0.075, 0.11, face.skin, 0.8)
        brush.ink(arc(-0.05, 0.09, 0.03, 0.06, 200, 380), shadow, 0.7)
        _eye(brush, face, 0.245, 1, 0.62)
        _brow(brush, face, 0.26, 1, 0.7)
        _mouth(brush.at(0.36, 0.315, 0.72), face)
        return
    shift = 0.17 * face.turn
    for side in (-1, 1):
        narrow = 1 - 0.28 * face.turn * (side > 0)
        x = shift + side * 0.205 * (1 - 0.2 * face.turn * (side > 0))
        _eye(brush, face, x, side, narrow)
        _brow(brush, face, x, side, narrow)
    nose = shift * 1.35
    brush.ink(
        [(nose - 0.005, 0.2), (nose + 0.022, 0.228), (nose - 0.012, 0.236)], darker(face.skin, 0.45), 0.6
    )
    _mouth(brush.at(shift * 1.12, 0.325), face)
    if face.age == "old":
        _wrinkles(brush, face, shift)
    if face.glasses:
        _glasses(brush, face, shift)


def _blush(brush: Brush, face: Face) -> None:
    colour = mix(face.skin, (240, 96, 100), 0.3)
    xs = (0.23,) if face.turn >= 0.8 else (-0.29 + 0.14 * face.turn, 0.29 + 0.07 * face.turn)
    for x in xs:
        for k, strength in ((1.0, 0.4), (0.72, 0.5)):
            brush.glass(oval(x, 0.255, 0.095 * k, 0.055 * k), colour, strength)
        if face.age in ("child", "young"):
            for d in (-0.03, 0.01, 0.05):
                brush.ink(
                    [(x + d, 0.24), (x + d - 0.018, 0.275)],
                    mix(face.skin, (222, 84, 92), 0.55),
                    0.4,
                    curved=False,
                )


def _eye_size(brush: Brush, face: Face) -> tuple[float, float]:
    size = {"child": 1.08, "young": 1.0, "adult": 0.9, "old": 0.74}[face.age] * brush.look.eyes
    if face.gender == "male":
        return 0.078 * size, 0.1 * size
    return 0.088 * size, 0.13 * size


def _eye(brush: Brush, face: Face, x: float, side: int, narrow: float) -> None:
    w, h = _eye_size(brush, face)
    w *= narrow
    eye = brush.at(x, 0.1)
    lash = darker(mix(face.hair, (60, 40, 60), 0.6), 0.62)
    if face.expression in ("closed", "laugh") or (face.expression == "sing" and face.age != "child"):
        up = face.expression == "laugh"
        d = -0.62 * h if up else 0.5 * h
        eye.ink(
            [
                (-1.15 * w, 0.25 * h),
                (-0.6 * w, 0.25 * h + d * 0.75),
                (0, 0.25 * h + d),
                (0.6 * w, 0.25 * h + d * 0.75),
                (1.15 * w, 0.25 * h),
            ],
            lash,
            2.3,
        )
        if face.gender == "female" and not up:
            for k in (0.55, 1.0):
                eye.ink(
                    [
                        (side * k * w, 0.25 * h + d * (0.8 if k < 1 else 0.25)),
                        (side * (k + 0.3) * w, 0.25 * h + d * 1.1),
                    ],
                    lash,
                    0.9,
                    curved=False,
                )
        return
    if face.expression == "surprised":
        h *= 1.12
    lid = 0.5 if face.expression == "bored" else 0.12 if face.expression in ("calm", "sad") else 0.0
    white = [
        (-w, 0.05 * h),
        (-0.78 * w, -0.7 * h),
        (0, -h),
        (0.78 * w, -0.7 * h),
        (w, 0.05 * h),
        (0.7 * w, 0.82 * h),
        (0, h),
        (-0.7 * w, 0.82 * h),
    ]
    look_x = 0.08 * w + 0.2 * w * face.turn
    small = 0.8 if face.expression == "surprised" else 1.0
    rx, ry = 0.76 * w * small, 0.9 * h * small
    dark = darker(face.eyes, 0.55)
    top = -h + lid * 1.5 * h
    shades = [
        (oval(look_x, 0.06 * h, rx, ry), dark),
        (oval(look_x, 0.16 * h, rx * 0.9, ry * 0.84), face.eyes),
        (oval(look_x, 0.5 * h, rx * 0.72, ry * 0.42), lighter(face.eyes, 0.35)),
        (oval(look_x, 0.08 * h, rx * 0.44, ry * 0.46), darker(face.eyes, 0.85)),
        (
            [(-2 * w, -2 * h), (2 * w, -2 * h), (2 * w, top + 0.18 * h), (-2 * w, top + 0.18 * h)],
            (206, 196, 214) if lid == 0 else brush.look.shade(face.skin),
        ),
    ]
    if lid == 0:
        shades[-1] = (oval(look_x, -0.92 * h, w * 1.1, 0.3 * h), darker(face.eyes, 0.7))
    eye.blob(white, (255, 253, 252), 0.0, shades)
    gloss = brush.look.gloss
    eye.oval(look_x - 0.28 * w, -0.34 * h, 0.27 * w * gloss, 0.23 * h * gloss, (255, 255, 255), 0)
    eye.oval(look_x + 0.3 * w, 0.46 * h, 0.13 * w * gloss, 0.12 * h * gloss, (255, 255, 255), 0)
    if gloss > 1.1:
        eye.oval(look_x - 0.2 * w, 0.62 * h, 0.09 * w, 0.08 * h, lighter(face.eyes, 0.75), 0)
    rim = [
        (-side * 1.02 * w, 0.1 * h + top * 0.4),
        (-side * 0.75 * w, top * 0.78),
        (0, top * 1.06),
        (side * 0.75 * w, top * 0.84),
        (side * 1.08 * w, top * 0.25),
    ]
    eye.ink(rim, lash, 2.6)
    if face.gender == "female":
        eye.ink(
            [(side * 0.7 * w, top * 0.82), (side * 1.1 * w, top * 0.36), (side * 1.42 * w, top * 0.3)],
            lash,
            1.9,
        )
        eye.ink([(side * 0.98 * w, top * 0.05), (side * 1.28 * w, top * -0.02)], lash, 1.0, curved=False)
    eye.ink(
        [(-0.45 * w, 1.0 * h), (0.1 * w, 1.08 * h), (0.62 * w, 0.92 * h)], mix(lash, face.skin, 0.35), 0.7
    )


def _brow(brush: Brush, face: Face, x: float, side: int, narrow: float) -> None:
    colour = darker(face.hair, 0.4)
    inner, outer = {
        "sad": (-0.05, 0.025),
        "surprised": (-0.035, -0.035),
        "sing": (-0.02, 0.01),
        "bored": (0.02, 0.0),
    }.get(face.expression, (0.0, 0.01))
    y = -0.125
    w = 0.1 * narrow
    brush.ink(
        [(x - side * w, y + inner), (x, y - 0.03 + (inner + outer) / 2), (x + side * w, y + outer)],
        colour,
        1.2 if face.gender == "female" else 2.2,
    )


def _mouth(brush: Brush, face: Face) -> None:
    line = darker(mix(face.skin, (190, 70, 70), 0.6), 0.4)
    inside, tongue = (150, 52, 62), (238, 128, 128)
    if face.expression in ("laugh", "sing"):
        w, h = (0.1, 0.11) if face.expression == "laugh" else (0.075, 0.13)
        if face.expression == "laugh":
            shape = [
                (-w, -0.02),
                (-w, -0.02),
                (0, 0.0),
                (w, -0.02),
                (w, -0.02),
                (0.7 * w, 0.6 * h),
                (0, 0.8 * h),
                (-0.7 * w, 0.6 * h),
            ]
        else:
            shape = [
                (0, -0.035),
                (w * 0.9, -0.01),
                (w * 0.85, 0.6 * h),
                (0, 0.8 * h),
                (-w * 0.85, 0.6 * h),
                (-w * 0.9, -0.01),
            ]
        brush.blob(shape, inside, 0.8, [(oval(0, 0.85 * h, 0.8 * w, 0.45 * h), tongue)])
    elif face.expression == "surprised":
        brush.oval(0, 0.025, 0.035, 0.048, inside, 0.8)
    elif face.expression == "sad":
        brush.ink([(-0.055, 0.03), (0, 0.005), (0.055, 0.03)], line, 1.2)
    elif face.expression == "bored":
        brush.ink([(-0.05, 0.02), (-0.01, 0.012), (0.05, 0.022)], line, 1.2)
    else:
        depth = 0.03 if face.expression in ("calm", "closed") else 0.05
        brush.ink(
            [(-0.075, -0.005), (-0.04, depth * 0.75), (0, depth), (0.04, depth * 0.75), (0.075, -0.005)],
            line,
            1.3,
        )


def _wrinkles(brush: Brush, face: Face, shift: float) -> None:
    line = darker(face.skin, 0.32)
    for side in (-1, 1):
        brush.ink(arc(shift + side * 0.16, 0.33, 0.05, 0.09, 270, 270 + side * 100), line, 0.7)
        brush.ink(
            [(shift + side * 0.13, 0.215), (shift + side * 0.2, 0.235), (shift + side * 0.26, 0.22)],
            line,
            0.6,
        )


def _glasses(brush: Brush, face: Face, shift: float) -> None:
    frame = (96, 72, 70)
    for side in (-1, 1):
        lens = oval(shift + side * 0.2, 0.115, 0.145, 0.125)
        brush.glass(lens, (255, 255, 255), 0.16)
        brush.ink([*lens, lens[0]], frame, 1.0, taper=False, curved=False)
    brush.ink([(shift - 0.06, 0.1), (shift, 0.085), (shift + 0.06, 0.1)], frame, 1.0)
