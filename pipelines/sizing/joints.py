"""The landmarks of the pose model by name, and the geometry between them. Pure.

Indices are those of the BlazePose topology; left and right are the person's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from providers.pose.base import Detection, Landmark, Pose

NOSE = 0
EARS = (7, 8)
FACE = range(11)
SHOULDERS = (11, 12)
ELBOWS = (13, 14)
HIPS = (23, 24)
KNEES = (25, 26)
ANKLES = (27, 28)
FEET = range(29, 33)

#: The joints that must be visible.
DECIDING = {
    "left_shoulder": 11,
    "right_shoulder": 12,
    "left_hip": 23,
    "right_hip": 24,
    "left_knee": 25,
    "right_knee": 26,
    "left_ankle": 27,
    "right_ankle": 28,
}


class Point(NamedTuple):
    """A point of the picture, in pixels from the top left."""

    x: float
    y: float

    def distance(self, other: Point) -> float:
        """Return the distance in pixels."""
        return math.hypot(self.x - other.x, self.y - other.y)


class Body:
    """One pose in pixels of the picture it was found in."""

    def __init__(self, pose: Pose, detection: Detection) -> None:
        """Convert the landmarks of `pose` to pixels of the picture of `detection`."""
        self.pose = pose
        self.points = tuple(Point(mark.x * detection.width, mark.y * detection.height) for mark in pose.image)
        self.ears, self.ankles = self.middle(EARS), self.middle(ANKLES)
        self.shoulders, self.hips = self.middle(SHOULDERS), self.middle(HIPS)

    def middle(self, pair: tuple[int, int]) -> Point:
        """Return the middle between two landmarks."""
        a, b = (self.points[index] for index in pair)
        return Point((a.x + b.x) / 2, (a.y + b.y) / 2)

    def angle(self, a: int, vertex: int, b: int) -> float:
        """Return the angle at `vertex` between `a` and `b`, 0 to 180 degrees; 180 is straight."""
        va, vb = _minus(self.points[a], self.points[vertex]), _minus(self.points[b], self.points[vertex])
        return math.degrees(abs(math.atan2(va.x * vb.y - va.y * vb.x, va.x * vb.x + va.y * vb.y)))

    def marks(self, indices: range | tuple[int, ...]) -> list[Landmark]:
        """Return landmarks in fractions of the picture."""
        return [self.pose.image[index] for index in indices]

    @property
    def ear_to_ankle_px(self) -> float:
        """Distance from the middle of the ears to the middle of the ankles, pixels."""
        return self.ears.distance(self.ankles)

    @property
    def size_px(self) -> float:
        """Length of head, trunk and thighs along the body, pixels; the same for people who stand, sit or are cut."""
        ears_to_shoulders = self.ears.distance(self.shoulders)
        return ears_to_shoulders + self.shoulders.distance(self.hips) + self.hips.distance(self.middle(KNEES))

    @property
    def shoulder_px(self) -> float:
        """Distance between the shoulder landmarks, pixels."""
        return self.points[SHOULDERS[0]].distance(self.points[SHOULDERS[1]])

    @property
    def visibility(self) -> dict[str, float]:
        """Visibility of each deciding joint, 0 to 1."""
        return {name: self.pose.image[index].visibility for name, index in DECIDING.items()}


def from_vertical(top: Point, bottom: Point) -> float:
    """Return the angle between the line from `top` to `bottom` and straight down, 0 to 180 degrees."""
    return math.degrees(abs(math.atan2(bottom.x - top.x, bottom.y - top.y)))


def _minus(a: Point, b: Point) -> Point:
    return Point(a.x - b.x, a.y - b.y)
