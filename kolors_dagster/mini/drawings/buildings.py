"""Parts of places: skies, clouds, trees, hills, houses, windows. Unit: the height of the view."""

from kolors_dagster.mini.drawings.brush import Brush, rectangle
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval, smooth
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_cloud


def paint_window(
    brush: Brush, s: Setting, x0: float, y0: float, x1: float, y1: float, curtain: Colour | None
) -> None:
    """Paint a window on the sky outside, with curtains or without."""
    top, low = s.sky
    frame = times((252, 246, 236), s.light)
    brush.box(x0 - 0.018, y0 - 0.018, x1 + 0.018, y1 + 0.018, frame, 1.0)
    brush.box(x0, y0, x1, y1, top, 0.8, bottom=low)
    w, h = x1 - x0, y1 - y0
    rng = s.rng
    if s.night:
        for _ in range(12):
            brush.oval(rng.uniform(x0, x1), rng.uniform(y0, y0 + h * 0.7), 0.002, 0.002, (255, 250, 230), 0)
        brush.oval(x0 + w * 0.7, y0 + h * 0.28, 0.03, 0.03, (255, 244, 204), 0)
    else:
        paint_cloud(
            brush, x0 + w * 0.5, y0 + h * 0.45, w * 0.24, (255, 255, 255), mix(low, (255, 255, 255), 0.4), rng
        )
        green = times((136, 190, 140), s.light)
        brush.poly(
            [
                *smooth(
                    [
                        (x0, y1 - h * 0.14),
                        (x0 + w * 0.3, y1 - h * 0.24),
                        (x0 + w * 0.7, y1 - h * 0.12),
                        (x1, y1 - h * 0.2),
                    ],
                    closed=False,
                ),
                (x1, y1),
                (x0, y1),
            ],
            green,
            0,
        )
        brush.glass(
            [(x0 + w * 0.12, y1), (x0 + w * 0.42, y0), (x0 + w * 0.56, y0), (x0 + w * 0.26, y1)],
            (255, 255, 255),
            0.22,
        )
    brush.box((x0 + x1) / 2 - 0.007, y0, (x0 + x1) / 2 + 0.007, y1, frame, 0.6)
    brush.box(x0, y0 + h * 0.45 - 0.006, x1, y0 + h * 0.45 + 0.006, frame, 0.6)
    brush.box(x0 - 0.035, y1 + 0.012, x1 + 0.035, y1 + 0.035, frame, 0.9)
    if curtain:
        paint_curtain(brush, x0 - 0.05, y0 - 0.04, w * 0.3, h + 0.16, curtain, -1)
        paint_curtain(brush, x1 + 0.05, y0 - 0.04, w * 0.3, h + 0.16, curtain, 1)
        brush.box(x0 - 0.07, y0 - 0.05, x1 + 0.07, y0 - 0.036, (140, 104, 84), 0.7, round_by=0.006)


def paint_curtain(
    brush: Brush, x: float, y: float, width: float, height: float, colour: Colour, side: int
) -> None:
    """Paint a hanging curtain whose outer edge is at `x`; `side` -1 hangs at the left of its opening."""
    inner = x - side * width
    pinch = x - side * width * 0.45
    shape = [
        (x, y),
        (inner, y),
        (inner, y),
        (pinch, y + height * 0.62),
        (pinch - side * width * 0.15, y + height),
        (x, y + height),
        (x, y + height),
    ]
    folds = []
    for k in (0.2, 0.5, 0.8):
        fx = x - side * width * k
        bx = x - side * width * k * 0.5
        folds.append(
            (
                smooth(
                    [
                        (fx, y - 0.01),
                        (fx - side * width * 0.08, y),
                        (bx, y + height),
                        (bx + side * width * 0.08, y + height),
                    ]
                ),
                brush.look.shade(colour, 0.8),
            )
        )
    brush.blob(shape, colour, 0.9, folds)


def paint_house(
    brush: Brush,
    x: float,
    y: float,
    width: float,
    height: float,
    wall: Colour,
    roof: Colour,
    s: Setting,
    floors: int,
) -> None:
    """Paint a friendly house front with windows; its foot is at (x, y)."""
    light = s.light
    wall, roof = times(wall, light), times(roof, light)
    brush.box(
        x - width / 2,
        y - height,
        x + width / 2,
        y,
        lighter(wall, 0.1),
        0.9,
        bottom=wall,
        shades=[(rectangle(x + width * 0.34, y - height, x + width, y), brush.look.shade(wall))],
    )
    brush.poly(
        [
            (x - width * 0.58, y - height),
            (x - width * 0.4, y - height - 0.11),
            (x + width * 0.4, y - height - 0.11),
            (x + width * 0.58, y - height),
        ],
        roof,
        0.9,
        [
            (
                [
                    (x - width, y - height + 0.01),
                    (x - width, y - height - 0.025),
                    (x + width, y - height - 0.025),
                    (x + width, y - height + 0.01),
                ],
                brush.look.shade(roof),
            )
        ],
    )
    glow: Colour = (255, 222, 140)
    rows = [y - height + height * (k + 0.28) / (floors + 0.6) for k in range(floors)]
    columns = max(2, round(width / 0.11))
    for wy in rows:
        for c in range(columns):
            wx = x - width / 2 + width * (c + 0.5) / columns
            lit = s.scene.time in ("night", "dusk") and s.rng.random() < 0.6
            pane = glow if lit else times((160, 200, 222), light)
            brush.box(
                wx - 0.024,
                wy - 0.035,
                wx + 0.024,
                wy + 0.035,
                pane,
                0.8,
                shades=[
                    (
                        [
                            (wx - 0.02, wy + 0.04),
                            (wx + 0.01, wy - 0.04),
                            (wx + 0.024, wy - 0.04),
                            (wx + 0.0, wy + 0.04),
                        ],
                        lighter(pane, 0.4),
                    )
                ],
            )
            brush.box(wx - 0.03, wy + 0.035, wx + 0.03, wy + 0.043, lighter(wall, 0.4), 0.6)
            if lit:
                brush.shine(oval(wx, wy, 0.03, 0.04), (60, 44, 16))
