"""Outlines for drawing: smooth closed curves, limbs with a thickness, mirrored halves.

Points are (x, y) in the sheet's units. A point given twice in a row is a corner.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]
#: Point of a limb's centre line with half its thickness: (x, y, radius).
Joint = tuple[float, float, float]

STEPS = 14


def smooth(points: Sequence[Point], *, closed: bool = True) -> list[Point]:
    """Return a Catmull-Rom spline through `points`."""
    count = len(points)
    last = count if closed else count - 1
    path: list[Point] = []
    for index in range(last):
        if closed:
            around = [points[(index + shift) % count] for shift in (-1, 0, 1, 2)]
        else:
            around = [points[min(max(index + shift, 0), count - 1)] for shift in (-1, 0, 1, 2)]
        if around[1] == around[2]:
            continue
        path += [_between(around, step / STEPS) for step in range(STEPS)]
    return path if closed else [*path, points[-1]]


def mirrored(half: Sequence[Point], middle: float = 50.0) -> list[Point]:
    """Return a symmetrical outline from its right half, top to bottom; x counts from the centre line."""
    right = [(middle + x, y) for x, y in half]
    left = [(middle - x, y) for x, y in reversed(half) if x]
    return [*right, *left]


def limb(joints: Sequence[Joint], *, cut: bool = False) -> list[Point]:
    """Return the outline of a line with a thickness and round ends; with `cut` the last end is straight."""
    line = smooth([(x, y) for x, y, _ in joints], closed=False)
    radii = [radius for radius, _ in smooth([(joint[2], place) for place, joint in enumerate(joints)], closed=False)]
    sides: tuple[list[Point], list[Point]] = ([], [])
    for index, (x, y) in enumerate(line):
        before, after = line[max(index - 1, 0)], line[min(index + 1, len(line) - 1)]
        angle = math.atan2(after[1] - before[1], after[0] - before[0])
        across = (-math.sin(angle) * radii[index], math.cos(angle) * radii[index])
        sides[0].append((x + across[0], y + across[1]))
        sides[1].append((x - across[0], y - across[1]))
    end = [] if cut else _cap(line[-2], line[-1], radii[-1])
    return [*sides[0], *end, *reversed(sides[1]), *_cap(line[1], line[0], radii[0])]


def arch(width: float, top: float, foot: float, middle: float = 50.0) -> list[Point]:
    """Return the outline of a round arch `width` wide from `foot` to `top`."""
    radius = width / 2
    turns = (step * math.pi / 24 for step in range(25))
    bow = [(middle + math.cos(turn) * radius, top + radius - math.sin(turn) * radius) for turn in turns]
    return [(middle + radius, foot), *bow, (middle - radius, foot)]


def _cap(inner: Point, end: Point, radius: float) -> list[Point]:
    angle = math.atan2(end[1] - inner[1], end[0] - inner[0])
    turns = (angle + math.pi / 2 - step * math.pi / 8 for step in range(9))
    return [(end[0] + math.cos(turn) * radius, end[1] + math.sin(turn) * radius) for turn in turns]


def _between(around: Sequence[Point], at: float) -> Point:
    before, start, end, after = around
    x, y = (
        0.5
        * (
            2 * start[axis]
            + (end[axis] - before[axis]) * at
            + (2 * before[axis] - 5 * start[axis] + 4 * end[axis] - after[axis]) * at**2
            + (3 * start[axis] - before[axis] - 3 * end[axis] + after[axis]) * at**3
        )
        for axis in (0, 1)
    )
    return x, y
