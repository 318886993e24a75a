"""Poses for tests: the standing person that ships, with some landmarks moved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from providers.pose.base import Detection, Landmark, Pose, WorldLandmark
from providers.pose.fake import standing_pose

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE_PX = 1000


def detection(*poses: Pose, width: int = SIDE_PX, height: int = SIDE_PX) -> Detection:
    """A detection of these poses; one standing person if there are none."""
    return Detection(width, height, width, height, poses or (standing_pose(),))


def moved(pose: Pose, change: Callable[[Landmark], tuple[float, float]], indices: range = range(33)) -> Pose:
    """The pose with landmarks elsewhere in the picture."""
    marks = list(pose.image)
    for index in indices:
        x, y = change(marks[index])
        marks[index] = marks[index]._replace(x=x, y=y)
    return replace(pose, image=tuple(marks))


def placed(pose: Pose, **slots: tuple[float, float]) -> Pose:
    """The pose with landmarks, named `m25`, at the given slots."""
    marks = list(pose.image)
    for name, (x, y) in slots.items():
        index = int(name[1:])
        marks[index] = marks[index]._replace(x=x, y=y)
    return replace(pose, image=tuple(marks))


def with_visibility(pose: Pose, index: int, visibility: float) -> Pose:
    """The pose with one landmark with_visibility less well."""
    marks = list(pose.image)
    marks[index] = marks[index]._replace(visibility=visibility)
    return replace(pose, image=tuple(marks))


def turned(pose: Pose, left_z: float) -> Pose:
    """The pose with the left shoulder `left_z` metres behind the plane of the rest."""
    marks: list[WorldLandmark] = list(pose.world)
    marks[11] = marks[11]._replace(z=left_z)
    return replace(pose, world=tuple(marks))
