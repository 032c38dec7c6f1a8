"""Points, smooth curves and the frames they live in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Point = tuple[float, float]
Points = Sequence[Point]


@lru_cache(maxsize=16)
def _catmull_rom_weights(steps: int) -> np.ndarray:
    t = np.arange(steps)[:, None] / steps
    return 0.5 * np.concatenate(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], axis=1
    )


def smooth(points: Points, closed: bool = True, steps: int = 8) -> list[Point]:
    """Return a Catmull-Rom curve through `points`, `steps` samples a span; a doubled point is a corner."""
    if len(points) < 3:
        return list(points)
    knots = np.asarray(points, dtype=float)
    if closed:
        around = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        around = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    spans = np.stack([around[:-3], around[1:-2], around[2:-1], around[3:]], axis=1)
    if not closed:
        spans = spans[: len(points) - 1]
    # A span between two equal points is a corner, not a little loop.
    corner = (spans[:, 1] == spans[:, 2]).all(axis=1)
    curve = np.einsum("sk,nkd->nsd", _catmull_rom_weights(steps), spans[~corner]).reshape(-1, 2)
    if not closed:
        curve = np.concatenate([curve, knots[-1:]])
    return [(float(x), float(y)) for x, y in curve]


def ribbon(centre: Points, widths: Sequence[float], steps: int = 6) -> list[Point]:
    """Return the outline of a limb: a smooth centre line with a full width given at each of its points."""
    triples = np.asarray([(x, y, w) for (x, y), w in zip(centre, widths, strict=True)], dtype=float)
    line = np.asarray(smooth(triples[:, :2].tolist(), closed=False, steps=steps))
    half = np.interp(np.linspace(0, len(triples) - 1, len(line)), np.arange(len(triples)), triples[:, 2]) / 2
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * half[:, None]
    return [(float(x), float(y)) for x, y in np.concatenate([line + across, (line - across)[::-1]])]


def oval(x: float, y: float, rx: float, ry: float, steps: int = 28) -> list[Point]:
    """Return an ellipse as a polygon."""
    turn = 2 * math.pi / steps
    return [(x + rx * math.cos(i * turn), y + ry * math.sin(i * turn)) for i in range(steps)]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 10) -> list[Point]:
    """Return part of an ellipse as an open line; angles in degrees, clockwise from the right."""
    angles = (math.radians(start + (end - start) * i / steps) for i in range(steps + 1))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def bend(root: Point, tip: Point, upper: float, lower: float, side: float) -> tuple[Point, Point]:
    """Return (joint, tip) of a two-bone limb from `root` towards `tip`, the joint on `side` (+1 or -1).

    A tip out of reach is pulled in along its direction.
    """
    dx, dy = tip[0] - root[0], tip[1] - root[1]
    distance = max(math.hypot(dx, dy), 1e-6)
    reach = min(max(distance, abs(upper - lower) + 1e-3), (upper + lower) * 0.995)
    tip = (root[0] + dx / distance * reach, root[1] + dy / distance * reach)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    height = math.sqrt(max(upper**2 - along**2, 0.0)) * side
    ux, uy = dx / distance, dy / distance
    return (root[0] + ux * along - uy * height, root[1] + uy * along + ux * height), tip


def between(a: Point, b: Point, t: float) -> Point:
    """Return the point `t` of the way from `a` to `b`."""
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


@dataclass(frozen=True)
class Frame:
    """A local coordinate frame: origin in pixels, pixels per unit, angle in radians, mirrored or not."""

    x: float
    y: float
    scale: float
    angle: float = 0.0
    mirror: float = 1.0

    def point(self, p: Point) -> Point:
        """Return the pixel position of a local point."""
        c, s = math.cos(self.angle) * self.scale, math.sin(self.angle) * self.scale
        px, py = p[0] * self.mirror, p[1]
        return self.x + c * px - s * py, self.y + s * px + c * py

    def points(self, ps: Points) -> list[Point]:
        """Return the pixel positions of local points."""
        c, s = math.cos(self.angle) * self.scale, math.sin(self.angle) * self.scale
        m = self.mirror
        return [(self.x + c * m * x - s * y, self.y + s * m * x + c * y) for x, y in ps]

    def child(
        self, x: float, y: float, scale: float = 1.0, angle: float = 0.0, mirror: float = 1.0
    ) -> "Frame":
        """Return a frame placed inside this one; `angle` is clockwise in this frame's own sense."""
        px, py = self.point((x, y))
        return Frame(px, py, self.scale * scale, self.angle + angle * self.mirror, self.mirror * mirror)
