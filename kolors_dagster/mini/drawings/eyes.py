"""Eyes and brows, by expression, age and style."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import darker, lighter, mix
from kolors_dagster.mini.drawings.features import Face
from kolors_dagster.mini.drawings.geometry import oval


def _eye_size(brush: Brush, face: Face) -> tuple[float, float]:
    size = {"child": 1.08, "young": 1.0, "adult": 0.9, "old": 0.74}[face.age] * brush.look.eyes
    if face.gender == "male":
        return 0.078 * size, 0.1 * size
    return 0.088 * size, 0.13 * size


def draw_eye(brush: Brush, face: Face, x: float, side: int, narrow: float) -> None:
    """Draw the eye at `x`; `side` is -1 at picture left, `narrow` slims it when the head is turned."""
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


def draw_brow(brush: Brush, face: Face, x: float, side: int, narrow: float) -> None:
    """Draw the brow above the eye at `x`."""
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
