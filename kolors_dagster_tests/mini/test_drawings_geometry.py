import math
from itertools import pairwise

import pytest

from kolors_dagster.mini.drawings.geometry import Frame, bend, ribbon, smooth


def test_a_smooth_curve_passes_through_its_points():
    points = [(0.0, 0.0), (1.0, 0.2), (1.2, 1.0), (0.1, 0.9)]
    curve = smooth(points, steps=8)
    assert [curve[i * 8] for i in range(4)] == points
    opened = smooth(points, closed=False, steps=5)
    assert opened[0] == pytest.approx(points[0])
    assert opened[-1] == pytest.approx(points[-1])


def test_a_doubled_point_is_a_corner_without_a_loop():
    curve = smooth([(0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    gaps = [math.dist(a, b) for a, b in pairwise(curve)]
    assert min(gaps) > 0.01


def test_a_straight_ribbon_has_its_width():
    outline = ribbon([(0, 0), (1, 0), (2, 0)], [0.4, 0.4, 0.4])
    assert {round(abs(y), 6) for _, y in outline} == {0.2}


@pytest.mark.parametrize("tip", [(0.5, 0.9), (-0.3, 0.4), (0.0, 5.0)])
def test_a_bent_limb_keeps_the_lengths_of_its_bones(tip):
    joint, end = bend((0, 0), tip, 0.6, 0.7, 1.0)
    assert math.dist((0, 0), joint) == pytest.approx(0.6)
    assert math.dist(joint, end) == pytest.approx(0.7)
    reach = min(math.hypot(*tip), 1.3 * 0.995)
    assert math.hypot(*end) == pytest.approx(reach)


def test_frames_compose():
    outer = Frame(100, 50, 10, angle=0.3, mirror=-1.0)
    inner = outer.child(2, 1, scale=0.5, angle=0.7)
    c, s = math.cos(0.7) * 0.5, math.sin(0.7) * 0.5
    x, y = 0.4, -1.2
    assert inner.point((x, y)) == pytest.approx(outer.point((2 + c * x - s * y, 1 + s * x + c * y)))
    assert inner.points([(x, y)])[0] == pytest.approx(inner.point((x, y)))
