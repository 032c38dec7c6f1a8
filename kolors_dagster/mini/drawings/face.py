"""Faces: outline, blush, mouth, wrinkles, glasses. Unit: one head height; origin: the head's middle."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import darker, mix
from kolors_dagster.mini.drawings.eyes import draw_brow, draw_eye
from kolors_dagster.mini.drawings.features import Face
from kolors_dagster.mini.drawings.geometry import Point, arc, oval, smooth


def face_outline(turn: float) -> list[Point]:
    """Return the outline of the skull and jaw."""
    if turn >= 0.8:
        profile = [
            (0.0, -0.5),
            (0.26, -0.43),
            (0.4, -0.22),
            (0.435, -0.04),
            (0.425, 0.07),
            (0.485, 0.17),
            (0.485, 0.17),
            (0.43, 0.22),
            (0.44, 0.275),
            (0.42, 0.32),
            (0.405, 0.39),
            (0.33, 0.48),
            (0.18, 0.475),
            (-0.02, 0.36),
            (-0.2, 0.24),
            (-0.42, 0.1),
            (-0.47, -0.12),
            (-0.33, -0.4),
        ]
        return smooth(profile)
    s = turn
    front = [
        (0.0, -0.5),
        (0.29, -0.43),
        (0.44, -0.18),
        (0.445 - 0.03 * s, 0.08),
        (0.385 - 0.02 * s, 0.27),
        (0.22 + 0.03 * s, 0.43),
        (0.02 + 0.1 * s, 0.5),
        (-0.2 + 0.06 * s, 0.43),
        (-0.385 + 0.02 * s, 0.27),
        (-0.445, 0.08),
        (-0.44, -0.18),
        (-0.29, -0.43),
    ]
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
        draw_eye(brush, face, 0.245, 1, 0.62)
        draw_brow(brush, face, 0.26, 1, 0.7)
        _mouth(brush.at(0.36, 0.315, 0.72), face)
        return
    shift = 0.17 * face.turn
    for side in (-1, 1):
        narrow = 1 - 0.28 * face.turn * (side > 0)
        x = shift + side * 0.205 * (1 - 0.2 * face.turn * (side > 0))
        draw_eye(brush, face, x, side, narrow)
        draw_brow(brush, face, x, side, narrow)
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
