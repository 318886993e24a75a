from __future__ import annotations

import math

import pytest

from devtools.pictures.curves import arch, limb, mirrored, smooth


def test_a_smooth_curve_passes_through_its_points() -> None:
    points = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]
    assert all(any(math.dist(point, found) < 1e-9 for found in smooth(points)) for point in points)


def test_a_point_given_twice_makes_a_corner_without_a_loop() -> None:
    corner = smooth([(0, 0), (10, 0), (10, 0), (10, 10), (0, 10)])
    rounded = smooth([(0, 0), (10, 0), (10, 10), (0, 10)])
    assert corner.count((10, 0)) == 1
    assert max(x for x, _ in corner) < max(x for x, _ in rounded)


def test_an_open_curve_ends_at_its_last_point() -> None:
    assert smooth([(0, 0), (5, 5), (9, 1)], closed=False)[-1] == (9, 1)


def test_a_mirrored_half_is_symmetrical_without_duplicate_points() -> None:
    outline = mirrored([(0, 0), (4, 5), (0, 9)])
    assert outline == [(50, 0), (54, 5), (50, 9), (46, 5)]


def test_a_limb_has_the_thickness_of_its_joints() -> None:
    outline = limb([(50, 0, 3), (50, 50, 3)], cut=True)
    assert min(x for x, _ in outline) == pytest.approx(47)
    assert max(y for _, y in outline) == pytest.approx(50)
    assert max(y for _, y in limb([(50, 0, 3), (50, 50, 3)])) == pytest.approx(53)


def test_an_arch_has_the_given_width_and_height() -> None:
    outline = arch(60, 10, 100)
    assert (min(x for x, _ in outline), max(x for x, _ in outline)) == pytest.approx((20, 80))
    assert (min(y for _, y in outline), max(y for _, y in outline)) == pytest.approx((10, 100))
