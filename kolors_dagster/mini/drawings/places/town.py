"""Under the sky in town: the street and the rooftop."""

from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.buildings import paint_house
from kolors_dagster.mini.drawings.colours import Colour, darker, lighter, mix, times
from kolors_dagster.mini.drawings.geometry import oval
from kolors_dagster.mini.drawings.plants import paint_tree
from kolors_dagster.mini.drawings.setting import Setting
from kolors_dagster.mini.drawings.sky import paint_sky

HOUSES: tuple[Colour, ...] = (
    (250, 218, 178),
    (240, 190, 178),
    (206, 222, 224),
    (250, 236, 206),
    (216, 204, 232),
)
ROOFS: tuple[Colour, ...] = ((198, 96, 84), (110, 128, 168), (150, 110, 90), (92, 142, 132))


def paint_street(brush: Brush, s: Setting) -> None:
    """Paint a small town's street: houses with lit windows, awnings, lamps, trees, pavement."""
    rng = s.rng
    paint_sky(brush, s, 0.7)
    w = s.half + 0.2
    far = mix(s.sky[1], times((150, 160, 190), s.light), 0.5)
    x = -w
    while x < w:
        width = rng.uniform(0.12, 0.24)
        brush.box(x, 0.7 - rng.uniform(0.26, 0.44), x + width, 0.75, far, 0)
        x += width
    x = -w
    while x < w:
        width, height = rng.uniform(0.26, 0.38), rng.uniform(0.3, 0.46)
        paint_house(
            brush,
            x + width / 2,
            0.78,
            width,
            height,
            rng.choice(HOUSES),
            rng.choice(ROOFS),
            s,
            rng.choice((2, 2, 3)),
        )
        _paint_shop(brush, s, x + width / 2, width * 0.8)
        x += width + rng.uniform(0.02, 0.07)
    stone = times((206, 200, 204), s.light)
    brush.box(-w, 0.78, w, 1.05, stone, 0.8, bottom=lighter(stone, 0.2))
    line = mix(stone, (90, 80, 110), 0.22)
    for y in (0.81, 0.855, 0.92):
        brush.ink([(-w, y), (w, y)], line, 0.7, taper=False, curved=False)
    for k in range(-9, 10):
        brush.ink([(k * 0.17, 0.78), (k * 0.4, 1.05)], line, 0.7, taper=False, curved=False)
    if s.scene.weather == "rain":
        for _ in range(7):
            brush.glass(
                oval(rng.uniform(-w, w), rng.uniform(0.85, 0.99), rng.uniform(0.06, 0.16), 0.014),
                s.sky[1],
                0.5,
            )
    for side in (-1, 1):
        tx = side * min(0.74, s.half * 0.84)
        paint_tree(
            brush,
            tx,
            0.82,
            rng.uniform(0.44, 0.56),
            times(rng.choice(((124, 182, 110), (236, 168, 180), (240, 178, 96))), s.light),
            rng,
        )
    lx = rng.choice((-1, 1)) * min(0.44, s.half * 0.5)
    _paint_lamp(brush, s, lx)


def _paint_shop(brush: Brush, s: Setting, x: float, width: float) -> None:
    light = s.light
    glow: Colour = (255, 232, 176) if s.scene.time in ("dusk", "night") else times((206, 226, 232), light)
    brush.box(x - width / 2, 0.66, x + width * 0.14, 0.76, glow, 0.9)
    brush.box(x + width * 0.22, 0.645, x + width * 0.46, 0.78, times((150, 100, 82), light), 0.9)
    brush.oval(x + width * 0.41, 0.715, 0.006, 0.006, (250, 226, 150), 0)
    stripe = times(s.rng.choice(((232, 108, 104), (96, 160, 190), (240, 184, 92), (124, 180, 130))), light)
    n = 6
    for k in range(n):
        x0 = x - width / 2 - 0.01 + (width * 0.66 + 0.02) * k / n
        x1 = x0 + (width * 0.66 + 0.02) / n
        brush.poly(
            [(x0, 0.61), (x1, 0.61), (x1, 0.65), ((x0 + x1) / 2, 0.664), (x0, 0.65)],
            stripe if k % 2 else times((255, 250, 244), light),
            0.6,
        )


def _paint_lamp(brush: Brush, s: Setting, x: float) -> None:
    iron = times((76, 78, 96), s.light)
    brush.limb([(x, 0.88), (x, 0.6), (x, 0.36)], [0.022, 0.014, 0.012], iron, 0.8)
    brush.oval(x, 0.885, 0.03, 0.012, iron, 0.8)
    lit = s.scene.time in ("dusk", "night")
    brush.poly(
        [(x - 0.022, 0.3), (x + 0.022, 0.3), (x + 0.03, 0.36), (x - 0.03, 0.36)],
        (255, 240, 180) if lit else times((246, 246, 236), s.light),
        0.9,
    )
    brush.poly([(x - 0.034, 0.3), (x, 0.27), (x + 0.034, 0.3)], iron, 0.8)
    if lit:
        brush.shine(oval(x, 0.33, 0.13, 0.13), (130, 100, 50))
        brush.shine(oval(x, 0.92, 0.3, 0.06), (50, 40, 20))


def paint_rooftop(brush: Brush, s: Setting) -> None:
    """Paint a roof terrace above a city: three depths of towers with windows, a railing, a water tank."""
    rng = s.rng
    paint_sky(brush, s, 0.8)
    w = s.half + 0.2
    dark: Colour = times((92, 100, 146), s.light)
    for depth in range(3):
        tone = mix(
            mix(s.sky[1], dark, 0.4 + 0.28 * depth), (20, 20, 50), 0.1 * depth * (1 if s.night else 0.3)
        )
        x = -w
        while x < w:
            width, y = rng.uniform(0.07, 0.16), rng.uniform(0.34, 0.58) + 0.07 * depth
            brush.box(x, y, x + width, 0.9, tone, 0.4 if depth else 0, bottom=mix(tone, s.sky[1], 0.35))
            if rng.random() < 0.3:
                brush.ink(
                    [(x + width / 2, y), (x + width / 2, y - 0.06)], tone, 1.2, taper=False, curved=False
                )
            _paint_city_windows(brush, s, x, y, width, tone)
            x += width + rng.uniform(0.0, 0.03)
    floor = times((172, 164, 176), s.light)
    brush.box(-w, 0.8, w, 1.05, mix(floor, (60, 50, 90), 0.2), 0.8, bottom=lighter(floor, 0.1))
    for y in (0.86, 0.94):
        brush.ink([(-w, y), (w, y)], darker(floor, 0.18), 0.6, taper=False, curved=False)
    tank = times((150, 176, 186), s.light)
    tx = -min(0.72, s.half * 0.78) if s.spot >= 0 else min(0.72, s.half * 0.78)
    for e in (-0.07, 0.07):
        brush.ink([(tx + e, 0.62), (tx + e, 0.84)], darker(tank, 0.5), 2.2, taper=False, curved=False)
    brush.box(
        tx - 0.11,
        0.44,
        tx + 0.11,
        0.64,
        lighter(tank, 0.1),
        1.0,
        bottom=tank,
        shades=[
            ([(tx + 0.04, 0.4), (tx + 0.2, 0.4), (tx + 0.2, 0.7), (tx + 0.04, 0.7)], brush.look.shade(tank))
        ],
        round_by=0.02,
    )
    brush.poly([(tx - 0.13, 0.445), (tx, 0.38), (tx + 0.13, 0.445)], brush.look.shade(tank), 1.0)
    rail = times((226, 226, 236), s.light)
    for y in (0.6, 0.7, 0.79):
        brush.ink([(-w, y), (w, y)], rail, 2.0 if y < 0.65 else 1.2, taper=False, curved=False)
    n = round(2 * w / 0.09)
    for k in range(n + 1):
        x = -w + 2 * w * k / n
        brush.ink([(x, 0.6), (x, 0.82)], rail, 1.8 if k % 5 == 0 else 0.9, taper=False, curved=False)


def _paint_city_windows(brush: Brush, s: Setting, x: float, y: float, width: float, tone: Colour) -> None:
    rng = s.rng
    lit = {"night": 0.5, "dusk": 0.35}.get(s.scene.time, 0.0)
    columns = max(2, round(width / 0.026))
    for r in range(round((0.8 - y) / 0.034)):
        for c in range(columns):
            if rng.random() < 0.25:
                continue
            wx, wy = x + width * (c + 0.5) / columns, y + 0.026 + 0.034 * r
            on = rng.random() < lit
            brush.box(
                wx - 0.006,
                wy - 0.009,
                wx + 0.006,
                wy + 0.009,
                rng.choice(((255, 226, 140), (255, 206, 120), (200, 230, 255)))
                if on
                else lighter(tone, 0.14),
                0,
            )
