"""A scene composed for a canvas: background, figure, foreground, as layers that styles work on."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageFilter

from kolors_dagster.mini.drawings import beds, seats, things
from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.canvas import Canvas
from kolors_dagster.mini.drawings.colours import Colour, times
from kolors_dagster.mini.drawings.figure import Figure, build_figure, draw_figure
from kolors_dagster.mini.drawings.geometry import Frame, oval
from kolors_dagster.mini.drawings.look import Look
from kolors_dagster.mini.drawings.places import (
    backstage,
    concert,
    nature,
    rooms,
    school,
    seaside,
    town,
    winter,
)
from kolors_dagster.mini.drawings.scene import Scene
from kolors_dagster.mini.drawings.setting import Setting

PLACES: dict[str, Callable[[Brush, Setting], None]] = {
    "home": rooms.paint_home,
    "bedroom": rooms.paint_bedroom,
    "concert": concert.paint_concert,
    "practice": backstage.paint_practice,
    "dressing": backstage.paint_dressing,
    "stage": concert.paint_stage,
    "classroom": school.paint_classroom,
    "street": town.paint_street,
    "rooftop": town.paint_rooftop,
    "forest": nature.paint_forest,
    "sea": seaside.paint_sea,
    "snow": winter.paint_snow,
    "meadow": nature.paint_meadow,
}
ZOOM = {"full": 1.0, "side": 1.0, "half": 1.3, "close": 1.6}
CATS: tuple[Colour, ...] = ((240, 170, 96), (96, 92, 108), (244, 238, 230), (170, 160, 164))


@dataclass(frozen=True)
class Layers:
    """A drawn scene at its final size.

    `colour` is the whole picture (RGB). Only for looks with `layers`: `line` its outlines alone (L, 255 is a
    line), `mask` where the figure is (L), `back` the background alone (RGB), `back_line` its outlines.
    `head` is the middle of the head and `unit` its height, in pixels.
    """

    colour: Image.Image
    line: Image.Image | None
    mask: Image.Image | None
    back: Image.Image | None
    back_line: Image.Image | None
    head: tuple[float, float]
    unit: float
    scene: Scene


def compose(scene: Scene, size: tuple[int, int], look: Look, rng: Random) -> Layers:
    """Draw `scene` at `size` (width, height)."""
    width, height = size
    oversampling = 3 if max(size) < 480 else 2
    canvas = Canvas(width, height, oversampling, look)
    w, h = canvas.width, canvas.height
    unit = min(h, 1.35 * w)
    half = w / 2 / unit
    spot = (
        rng.uniform(-0.34, 0.34) * max(0.0, half - 0.22)
        if scene.framing != "close"
        else rng.uniform(-0.1, 0.1) * half
    )
    setting = _paint_back(canvas, scene, unit, spot, rng)
    canvas.release_light(0.014)
    if scene.framing in ("half", "close"):
        _soften(canvas, 0.0035 if scene.framing == "half" else 0.006)
    back = canvas.colour.reduce(oversampling) if look.layers else None
    back_line = canvas.line.reduce(oversampling) if canvas.line else None
    figure = build_figure(scene, setting.figure_light, rng)
    brush = _place_figure(canvas, figure, unit, spot, rng)
    canvas.plane = 255
    canvas.pen = look.pen * max(1.2, 0.026 * brush.frame.scale**0.8 * (h / 1000) ** 0.2 * 1.7)
    _draw_subject(brush, figure, setting, rng)
    canvas.plane = 0
    head = brush.at(*figure.skeleton.head).frame
    _draw_front(canvas, scene, setting, unit, rng)
    return Layers(
        canvas.colour.reduce(oversampling),
        canvas.line.reduce(oversampling) if canvas.line else None,
        canvas.mask.reduce(oversampling) if canvas.mask else None,
        back,
        back_line,
        (head.x / oversampling, head.y / oversampling),
        head.scale / oversampling,
        scene,
    )


def _paint_back(canvas: Canvas, scene: Scene, unit: float, spot: float, rng: Random) -> Setting:
    zoom = ZOOM[scene.framing]
    scale = unit * zoom
    y = canvas.height - unit if zoom == 1 else 0.72 * canvas.height - 0.6 * scale
    x = canvas.width / 2 - spot * (scale - unit)
    canvas.pen = max(1.0, canvas.look.back_pen * canvas.look.pen * 0.0042 * unit)
    half = canvas.width / 2 / scale + abs(spot) * (1 - 1 / zoom)
    setting = Setting(half, -max(0.0, y) / scale, spot, scene, rng)
    PLACES[scene.place](Brush(canvas, Frame(x, y, scale)), setting)
    return setting


def _soften(canvas: Canvas, share: float) -> None:
    small = canvas.colour.reduce(4).filter(ImageFilter.GaussianBlur(share * canvas.height / 4))
    canvas.colour.paste(small.resize(canvas.colour.size, Image.Resampling.BILINEAR))


def _place_figure(canvas: Canvas, figure: Figure, unit: float, spot: float, rng: Random) -> Brush:
    scene, sk = figure.scene, figure.skeleton
    w, h = canvas.width, canvas.height
    x = w / 2 + spot * unit
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    if scene.pose == "sleep":
        length = figure.height + 1.0
        scale = min(0.94 * w / length, 0.36 * unit)
        middle = (sk.ground + sk.head[1] - 0.66) / 2
        return Brush(canvas, Frame(w / 2 - mirror * middle * scale, h - 0.25 * unit, scale, mirror=mirror))
    if scene.framing in ("half", "close"):
        close = scene.framing == "close"
        scale = min(0.46 * h, 0.56 * w) if close else min(0.37 * h, 0.46 * w)
        y = 0.5 * h - (sk.head[1] + 0.1) * scale if close else 0.13 * h - (sk.head[1] - 0.66) * scale
        # On a tall canvas the cut below the hips still falls outside the picture.
        return Brush(
            canvas, Frame(x - mirror * sk.head[0] * scale, max(y, h - 0.2 * scale), scale, mirror=mirror)
        )
    tall = 0.9 * unit * min(1.08, h / unit)
    standing = figure.height if not sk.seated else figure.height + 0.3
    extra = {"umbrella": 0.55, "balloon": 0.4}.get(scene.thing, 0.0)
    scale = min(tall / (max(standing, 2.8) + extra), w / 2.7)
    ground = h - (0.035 + rng.uniform(0, 0.02)) * unit
    return Brush(canvas, Frame(x, ground - sk.ground * scale, scale, mirror=mirror))


def _draw_subject(brush: Brush, figure: Figure, s: Setting, rng: Random) -> None:
    scene, sk = figure.scene, figure.skeleton
    light = s.figure_light
    if scene.pose == "sleep":
        _draw_sleeper(brush, figure, s, rng)
        return
    if scene.framing in ("full", "side"):
        if sk.seated and scene.place not in ("forest", "meadow", "sea"):
            brush.glass(oval(0, sk.ground, 1.1, 0.12), (40, 26, 56), 0.2)
        else:
            brush.glass(oval(0.04, sk.ground - 0.01, 0.5, 0.085), (40, 26, 56), 0.25)
    if sk.seated and scene.framing != "close":
        seats.draw_seat(brush, scene.place, sk.ground, light, rng)
    if scene.thing == "cat" and scene.framing in ("full", "side"):
        things.draw_cat(
            brush.at(1.0 if sk.turn < 0.5 else -1.08, sk.ground + 0.05, 0.8), times(rng.choice(CATS), light)
        )
    draw_figure(brush, figure, rng)
    if scene.thing == "cat" and scene.framing in ("half", "close"):
        low = (brush.canvas.height - brush.frame.y) / brush.frame.scale
        things.draw_cat(brush.at(0.72, low + 0.12, 0.85), times(rng.choice(CATS), light))


def _draw_sleeper(brush: Brush, figure: Figure, s: Setting, rng: Random) -> None:
    sk = figure.skeleton
    head_x, feet_x = sk.head[1] - 0.4, sk.ground
    beds.draw_bed(brush, figure.scene.place, head_x, feet_x, s.figure_light, rng)
    draw_figure(brush.at(0, 0, angle=-math.pi / 2 + 0.1), figure, rng)
    beds.draw_blanket(brush, -0.32 * sk.build.torso, feet_x, s.figure_light, rng)
    if figure.scene.thing == "cat":
        things.draw_cat(brush.at(feet_x - 0.5, -0.22, 0.7), times(rng.choice(CATS), s.figure_light))


def _draw_front(canvas: Canvas, scene: Scene, s: Setting, unit: float, rng: Random) -> None:
    front = Brush(canvas, Frame(canvas.width / 2, canvas.height - unit, unit))
    canvas.pen = max(1.0, 0.0022 * unit)
    half, top = canvas.width / 2 / unit, 1 - canvas.height / unit
    if scene.place in ("stage", "concert") and scene.framing in ("full", "side"):
        concert.paint_crowd(front, Setting(half, top, s.spot, scene, rng), 0.965, 0.04, (26, 18, 44), True)
        canvas.release_light(0.008)
    canvas.plane = None
    if scene.weather == "snow":
        for _ in range(round(170 * half + 30)):
            r = rng.choice((0.003, 0.004, 0.006, 0.009))
            front.oval(rng.uniform(-half, half), rng.uniform(top, 1), r, r, (252, 254, 255), 0)
    elif scene.weather == "rain":
        for _ in range(round(190 * half + 30)):
            x, y, length = rng.uniform(-half, half), rng.uniform(top, 1), rng.uniform(0.02, 0.055)
            front.glass(
                [(x - 0.0009, y), (x - length * 0.22, y + length), (x + 0.0011, y)], (236, 244, 255), 0.5
            )
