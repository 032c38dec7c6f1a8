"""Arms, hands, legs and shoes. Unit: one head height."""

import math

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.colours import Colour, darker, lighter
from kolors_dagster.mini.drawings.geometry import Point, between, oval, ribbon, smooth
from kolors_dagster.mini.drawings.skeleton import Limb


def draw_hand(brush: Brush, limb: Limb, skin: Colour, side: int, fist: bool = False) -> None:
    """Draw a small hand at the end of an arm, thumb towards the body."""
    dx, dy = limb.tip[0] - limb.joint[0], limb.tip[1] - limb.joint[1]
    hand = brush.at(*limb.tip, angle=math.atan2(dy, dx) * brush.frame.mirror * brush.frame.mirror)
    shadow = brush.look.shade(skin)
    if fist:
        hand.oval(0.06, 0.0, 0.088, 0.085, skin, 0.9, [(oval(0.05, 0.07, 0.09, 0.05), shadow)])
        for k in (-0.035, 0.0, 0.035):
            hand.ink([(0.07, k - 0.012), (0.125, k - 0.008)], darker(skin, 0.4), 0.5, curved=False)
        return
    thumb = -side
    hand.limb(
        [(0.01, thumb * 0.03), (0.06, thumb * 0.085), (0.1, thumb * 0.09)], [0.06, 0.055, 0.04], skin, 0.9
    )
    palm = [
        (-0.03, -0.05),
        (0.05, -0.075),
        (0.13, -0.058),
        (0.185, -0.02),
        (0.18, 0.03),
        (0.12, 0.065),
        (0.04, 0.07),
        (-0.03, 0.05),
    ]
    hand.blob(
        palm,
        skin,
        0.9,
        [([(0.0, side * 0.02), (0.2, side * 0.03), (0.2, side * 0.12), (0.0, side * 0.12)], shadow)],
    )
    hand.ink([(0.17, -0.015), (0.115, -0.012)], darker(skin, 0.38), 0.5, curved=False)
    hand.ink([(0.17, 0.022), (0.115, 0.022)], darker(skin, 0.38), 0.5, curved=False)


def draw_arm(
    brush: Brush,
    limb: Limb,
    skin: Colour,
    sleeve: str,
    cloth: Colour,
    trim: Colour,
    side: int,
    fist: bool,
    profile: bool,
) -> None:
    """Draw an arm with its hand and sleeve (`none`, `short`, `puff`, `long`)."""
    a, b, c = limb.root, limb.joint, limb.tip
    middle = between(between(a, b, 0.6), between(b, c, 0.4), 0.5)
    bare = sleeve != "long"
    colour = skin if bare else cloth
    widths = [0.175, 0.165, 0.15, 0.135, 0.105] if bare else [0.24, 0.225, 0.2, 0.195, 0.18]
    draw_hand(brush, limb, skin, side, fist)
    if sleeve in ("short", "puff"):
        a = between(a, b, 0.3)
    if _is_folded(limb):
        # A ribbon folded back on itself would leave holes: two pieces with a round elbow do not.
        _draw_sleeve(
            brush, [a, between(a, b, 0.5), b], [*widths[:2], widths[2] * 1.06], colour, side, profile
        )
        brush.oval(*b, widths[2] * 0.53, widths[2] * 0.53, colour, 1.0)
        brush.poly(ribbon([b, between(b, c, 0.5), c], widths[2:]), colour, 1.0)
        brush.oval(*b, widths[2] * 0.42, widths[2] * 0.42, colour, 0)
    else:
        _draw_sleeve(
            brush, [a, between(a, b, 0.55), middle, between(b, c, 0.5), c], widths, colour, side, profile
        )
    if not bare:
        brush.limb(
            [between(b, c, 0.82), between(b, c, 0.93), between(b, c, 1.03)], [0.195, 0.2, 0.195], trim, 0.9
        )
        return
    # The wrist's outline would cross the hand: a little skin over it joins the two.
    brush.oval(*between(c, b, -0.05), 0.042, 0.042, skin, 0)
    a = limb.root
    if sleeve == "short":
        _draw_sleeve(
            brush, [a, between(a, b, 0.35), between(a, b, 0.72)], [0.24, 0.25, 0.25], cloth, side, profile
        )
    elif sleeve == "puff":
        x, y = between(a, b, 0.25)
        brush.limb([between(a, b, 0.5), between(a, b, 0.62), between(a, b, 0.7)], [0.2, 0.21, 0.2], trim, 0.8)
        puff = oval(x - 0.02 * side, y + 0.11, 0.17, 0.09)
        brush.oval(x, y, 0.165, 0.165, cloth, 1.0, [(puff, brush.look.shade(cloth))])


def _is_folded(limb: Limb) -> bool:
    ux, uy = limb.joint[0] - limb.root[0], limb.joint[1] - limb.root[1]
    vx, vy = limb.tip[0] - limb.joint[0], limb.tip[1] - limb.joint[1]
    return ux * vx + uy * vy < -0.35 * math.hypot(ux, uy) * math.hypot(vx, vy)


def _draw_sleeve(
    brush: Brush, path: list[Point], widths: list[float], colour: Colour, side: int, profile: bool
) -> None:
    """Draw a ribbon with a round shoulder that runs into the body without a line."""
    (x, y), r = path[0], widths[0] / 2
    brush.oval(x, y, r, r, colour, 0 if profile else 1.0)
    brush.poly(ribbon(path, widths), colour, 1.0, [(_underside(path, side), brush.look.shade(colour))])
    if profile:
        brush.oval(x, y, r * 1.06, r * 1.06, colour, 0)
    else:
        brush.oval(x - side * 0.036, y, r * 0.8, r * 0.84, colour, 0)


def draw_leg(
    brush: Brush,
    limb: Limb,
    skin: Colour,
    trousers: Colour | None,
    sock: Colour | None,
    shoe: Colour,
    turn: float,
    side: int,
) -> None:
    """Draw a leg with trousers or a sock, and a shoe that points where the figure looks."""
    a, b, c = limb.root, limb.joint, limb.tip
    path = [a, between(a, b, 0.55), b, between(b, c, 0.45), c]
    shadow = brush.look.shade(skin)
    if trousers:
        _draw_shoe(brush, limb, shoe, turn, side)
        brush.poly(
            ribbon(path, [0.3, 0.27, 0.225, 0.21, 0.2]),
            trousers,
            1.0,
            [(_underside(path, 1), brush.look.shade(trousers))],
        )
        return
    brush.poly(ribbon(path, [0.24, 0.22, 0.17, 0.165, 0.115]), skin, 1.0, [(_underside(path, 1), shadow)])
    if sock:
        high = between(b, c, 0.45)
        brush.limb(
            [high, between(high, c, 0.5), c],
            [0.18, 0.16, 0.135],
            sock,
            0.9,
            [(_underside(path, 1), brush.look.shade(sock))],
        )
    _draw_shoe(brush, limb, shoe, turn, side)


def _underside(path: list[Point], side: int) -> list[Point]:
    shifted = [(x + 0.075 * side, y + 0.035) for x, y in path]
    return ribbon(shifted, [0.15] * len(path))


def _draw_shoe(brush: Brush, limb: Limb, shoe: Colour, turn: float, side: int) -> None:
    (x, y), (kx, ky) = limb.tip, limb.joint
    angle = math.atan2(y - ky, x - kx) - math.pi / 2 if turn >= 0.5 else 0.0
    foot = brush.at(x, y, angle=angle)
    point = 1.0 if turn >= 0.5 else 0.35 * side
    toe = 0.2 if turn >= 0.5 else 0.11
    front, heel = point * toe + 0.02, -point * 0.07
    if turn >= 0.5:
        shape = [(-0.09, -0.07), (0.06, -0.08), (0.14, -0.01), (0.25, 0.03), (0.25, 0.1), (-0.1, 0.1)]
    else:
        mid = (front + heel) / 2
        shape = [
            (mid - 0.085, -0.06),
            (mid + 0.085, -0.06),
            (mid + 0.125, 0.04),
            (mid + 0.11, 0.11),
            (mid - 0.11, 0.11),
            (mid - 0.125, 0.04),
        ]
    sole = [(-0.3, 0.085), (0.4, 0.085), (0.4, 0.2), (-0.3, 0.2)]
    foot.poly(
        smooth(shape),
        shoe,
        1.0,
        [(sole, lighter(shoe, 0.6)), (oval(0.05, -0.0, 0.05, 0.02), lighter(shoe, 0.4))],
    )
