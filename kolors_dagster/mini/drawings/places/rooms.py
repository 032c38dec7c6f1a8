"""Rooms of a house: the living room and the bedroom."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.buildings import paint_window
from kolors_dagster.mini.drawings.colours import Colour, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval, smooth
from kolors_dagster.mini.drawings.plants import paint_plant
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_star

WALLS: tuple[Colour, ...] = (
    (250, 232, 206),
    (222, 236, 224),
    (226, 230, 246),
    (250, 222, 216),
    (240, 236, 214),
)
FLOORS: tuple[Colour, ...] = ((214, 166, 122), (196, 148, 112), (226, 190, 150))


def paint_wall_and_floor(
    brush: Brush, s: Setting, wall: Colour, floor: Colour, seam: float, pattern: str
) -> None:
    """Paint a papered wall, a skirting board and a floor of boards that run towards us."""
    wall, floor = times(wall, s.light), times(floor, s.light)
    w = s.half + 0.2
    brush.box(-w, s.top - 0.1, w, seam, lighter(wall, 0.06), 0, bottom=mix(wall, (180, 140, 130), 0.12))
    mark = mix(wall, (255, 255, 255), 0.34)
    step = 0.14
    for k in range(-int(w / step) - 1, int(w / step) + 2):
        if pattern == "stripes":
            brush.box(k * step - 0.03, s.top - 0.1, k * step + 0.03, seam, mark, 0)
        elif pattern in ("dots", "stars"):
            for j in range(int((seam - s.top) / step) + 1):
                x, y = (k + 0.5 * (j % 2)) * step, seam - 0.06 - j * step
                if pattern == "dots":
                    brush.oval(x, y, 0.013, 0.013, mark, 0)
                else:
                    paint_star(brush, x, y, 0.019, mark)
    brush.box(-w, seam, w, 1.05, mix(floor, (90, 50, 50), 0.1), 0, bottom=lighter(floor, 0.08))
    line = brush.look.line_colour(floor)
    for k in range(-9, 10):
        brush.ink([(k * 0.13, seam), (k * 0.3, 1.05)], mix(line, floor, 0.55), 0.7, taper=False, curved=False)
    brush.box(-w, seam - 0.035, w, seam, times((252, 246, 238), s.light), 0.7)


def paint_home(brush: Brush, s: Setting) -> None:
    """Paint a living room: window, pictures, lamp, plant, rug."""
    rng = s.rng
    seam = 0.7
    paint_wall_and_floor(
        brush, s, rng.choice(WALLS), rng.choice(FLOORS), seam, rng.choice(("stripes", "dots", "plain"))
    )
    side = 1 if rng.random() < 0.5 else -1
    wx = side * min(0.62, s.half * 0.56)
    curtain = times(rng.choice(((238, 152, 140), (146, 186, 214), (246, 206, 132), (178, 160, 214))), s.light)
    paint_window(brush, s, wx - 0.17, 0.1, wx + 0.17, 0.48, curtain)
    px = -side * min(0.6, s.half * 0.6)
    for k in range(2):
        x, y = px + 0.17 * (k - 0.5), 0.2 + 0.08 * k
        brush.box(x - 0.065, y - 0.08, x + 0.065, y + 0.08, times((176, 128, 92), s.light), 0.9)
        brush.box(x - 0.05, y - 0.065, x + 0.05, y + 0.065, times((214, 232, 236), s.light), 0.5)
        brush.poly(
            [
                *smooth([(x - 0.05, y + 0.03), (x - 0.01, y - 0.02), (x + 0.05, y + 0.03)], closed=False),
                (x + 0.05, y + 0.065),
                (x - 0.05, y + 0.065),
            ],
            times(rng.choice(((128, 178, 134), (238, 170, 120), (150, 140, 200))), s.light),
            0,
        )
    lx = -side * min(0.82, s.half * 0.86)
    brush.ink([(lx, 0.76), (lx, 0.36)], (110, 84, 76), 2.0, taper=False, curved=False)
    brush.oval(lx, 0.765, 0.06, 0.014, (110, 84, 76), 0.8)
    shade = (255, 232, 170) if s.night else times((250, 226, 180), s.light)
    brush.poly([(lx - 0.05, 0.26), (lx + 0.05, 0.26), (lx + 0.09, 0.38), (lx - 0.09, 0.38)], shade, 0.9)
    if s.scene.time in ("night", "dusk"):
        brush.shine(oval(lx, 0.35, 0.24, 0.24), (110, 80, 36))
    paint_plant(brush, side * min(0.95, s.half * 0.94), 0.8, 0.3, s.light, rng)
    rug = times(rng.choice(((226, 130, 128), (126, 168, 200), (236, 196, 130))), s.light)
    brush.oval(
        s.spot,
        0.95,
        0.62,
        0.115,
        rug,
        0.8,
        [(oval(s.spot, 0.95, 0.53, 0.09), lighter(rug, 0.3)), (oval(s.spot, 0.95, 0.47, 0.075), rug)],
    )


def paint_bedroom(brush: Brush, s: Setting) -> None:
    """Paint a bedroom: starry paper, window, bed, shelf, string of lights."""
    rng = s.rng
    paint_wall_and_floor(
        brush,
        s,
        rng.choice(((222, 214, 242), (250, 218, 226), (208, 226, 240))),
        rng.choice(FLOORS),
        0.72,
        "stars",
    )
    side = 1 if rng.random() < 0.5 else -1
    wx = side * min(0.55, s.half * 0.5)
    paint_window(brush, s, wx - 0.19, 0.1, wx + 0.19, 0.46, times((250, 240, 250), s.light))
    paint_lights(brush, s, 0.05)
    if s.scene.pose != "sleep":
        _paint_bed(brush, s, -side * min(0.6, s.half * 0.62), side)
    sx = -side * min(0.55, s.half * 0.55)
    brush.box(sx - 0.17, 0.33, sx + 0.17, 0.35, times((170, 124, 92), s.light), 0.9)
    for k in range(7):
        c = times(
            rng.choice(((224, 98, 100), (94, 150, 204), (244, 190, 92), (120, 180, 138), (160, 128, 206))),
            s.light,
        )
        h = rng.uniform(0.07, 0.11)
        brush.box(sx - 0.15 + 0.032 * k, 0.33 - h, sx - 0.122 + 0.032 * k, 0.33, c, 0.7)
    brush.oval(
        s.spot,
        0.955,
        0.5,
        0.09,
        times((250, 236, 240), s.light),
        0.8,
        [(oval(s.spot, 0.955, 0.42, 0.07), times((240, 204, 216), s.light))],
    )


def paint_lights(brush: Brush, s: Setting, y: float) -> None:
    """Paint a string of small warm lamps along the ceiling."""
    n = max(5, round(s.half * 2 / 0.1))
    xs = [-s.half - 0.1 + (2 * s.half + 0.2) * k / n for k in range(n + 1)]
    line = [(x, s.top + y + 0.05 * abs(((k % 6) - 3) / 3) * -1 + 0.05) for k, x in enumerate(xs)]
    brush.ink(line, (120, 100, 110), 0.8, taper=False)
    for x, ly in line:
        brush.oval(x, ly + 0.016, 0.01, 0.015, (255, 232, 160), 0.6)
        brush.shine(oval(x, ly + 0.016, 0.03, 0.03), (90, 70, 30))


def _paint_bed(brush: Brush, s: Setting, x: float, side: int) -> None:
    wood = times((186, 138, 102), s.light)
    quilt = times(s.rng.choice(((150, 184, 222), (244, 176, 186), (190, 170, 226))), s.light)
    b = brush.at(x, 0.84, mirror=side)
    b.box(-0.42, -0.36, -0.36, 0.0, wood, 0.9, round_by=0.02)
    b.box(-0.36, -0.1, 0.4, 0.0, wood, 0.9)
    b.blob(
        [(-0.36, -0.2), (0.0, -0.22), (0.38, -0.2), (0.42, -0.1), (0.4, -0.04), (-0.36, -0.04)],
        quilt,
        0.9,
        [(smooth([(-0.4, -0.1), (0, -0.09), (0.5, -0.11), (0.5, 0), (-0.4, 0)]), b.look.shade(quilt))],
    )
    b.blob(
        [(-0.34, -0.2), (-0.3, -0.28), (-0.14, -0.27), (-0.1, -0.19), (-0.2, -0.17)],
        times((255, 252, 248), s.light),
        0.9,
    )
