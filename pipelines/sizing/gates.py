"""The gates of a photo: one whole, upright, frontal person, or a reason that says what to do differently. Pure.

The thresholds were set on 127 pictures, of which they accepted 22, 21 of them rightly, and refused no good one:
starting values. The visibility of joints alone is no gate: squats and lunges have 0.95 and more everywhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pipelines.sizing.errors import SizingRefused
from pipelines.sizing.joints import ANKLES, FACE, FEET, HIPS, KNEES, NOSE, SHOULDERS, Body, from_vertical
from pipelines.sizing.scale import stature_px
from schemas.gates import TURN_THE_PICTURE, Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from providers.pose.base import Detection

MIN_SHORT_SIDE_PX, MIN_LONG_SIDE_PX = 200, 300
MIN_STATURE_PX = 200
MIN_VISIBILITY = 0.5
MAX_ANKLE_Y = 0.99
#: Another pose of this share of the person's size is a second person; a smaller one is in the background.
MIN_OTHER_SIZE = 0.5
#: Two poses whose noses are closer than this many shoulder widths are one person, detected twice.
MIN_NOSE_DISTANCE = 0.5
MAX_LEAN_DEG = 15
#: From this angle the picture is turned, rather than the person leaning.
LYING_DEG = 60
MIN_KNEE_DEG, MIN_HIP_DEG = 140, 135
MIN_HIP_TO_ANKLE = 0.38
#: Difference in height of the ankles, as a share of the stature, from which one foot is off the ground.
MAX_ANKLE_DIFFERENCE = 0.1
MAX_YAW_DEG = 25


class CheckedPhoto(NamedTuple):
    """A photo that passed.

    Attributes:
        body: The one person whose size can be estimated.
        has_smaller_figure: Whether a much smaller person is in the picture too, who may be on a screen or a poster.
    """

    body: Body
    has_smaller_figure: bool


def check_photo(detection: Detection) -> CheckedPhoto:
    """Return the one person whose size can be estimated.

    Raises:
        SizingRefused: The first gate, in the order of `Gate`, that the photo does not pass.
    """
    _check_picture_size(detection)
    bodies = [Body(pose, detection) for pose in detection.poses]
    if not bodies:
        raise SizingRefused(Gate.NO_PERSON)
    body = max(bodies, key=lambda candidate: candidate.size_px)
    others = [other for other in bodies if other is not body and not is_same_person(body, other)]
    turned = lean_deg(body) > LYING_DEG
    for gate, refused, sentence in (
        (Gate.MULTIPLE_PEOPLE, has_second_person(body, others), None),
        (Gate.PERSON_TOO_SMALL, stature_px(body) < MIN_STATURE_PX, None),
        (Gate.NOT_STANDING, not turned and is_on_one_foot(body), None),
        (Gate.BODY_CROPPED, is_cropped(body), None),
        (Gate.NOT_UPRIGHT, turned, TURN_THE_PICTURE),
        (Gate.NOT_STANDING, is_bent(body), None),
        (Gate.NOT_UPRIGHT, lean_deg(body) > MAX_LEAN_DEG, None),
        (Gate.NOT_FRONTAL, yaw_deg(body) > MAX_YAW_DEG, None),
        (Gate.BACK_VIEW, shows_back(body), None),
    ):
        if refused:
            raise SizingRefused(gate, public_message=sentence, landmark_visibility=body.visibility)
    return CheckedPhoto(body, bool(others))


def is_cropped(body: Body) -> bool:
    """Return whether a deciding joint is hidden, or the head or a foot is outside the picture."""
    return (
        min(body.visibility.values()) < MIN_VISIBILITY
        or any(mark.y > MAX_ANKLE_Y for mark in body.marks(ANKLES))
        or any(mark.y > 1 for mark in body.marks(FEET))
        or any(mark.y < 0 for mark in body.marks(FACE))
    )


def is_same_person(body: Body, other: Body) -> bool:
    """Return whether two poses are one person, detected twice."""
    return body.points[NOSE].distance(other.points[NOSE]) < MIN_NOSE_DISTANCE * body.shoulder_px


def has_second_person(body: Body, others: Sequence[Body]) -> bool:
    """Return whether another person is of comparable size."""
    return any(other.size_px >= MIN_OTHER_SIZE * body.size_px for other in others)


def lean_deg(body: Body) -> float:
    """Return the larger of the angles of body and trunk to the vertical, 0 to 180 degrees."""
    return max(from_vertical(body.ears, body.ankles), from_vertical(body.shoulders, body.hips))


def is_on_one_foot(body: Body) -> bool:
    """Return whether one ankle is clearly higher than the other, both within the picture."""
    left, right = (body.points[index].y for index in ANKLES)
    within = all(mark.y <= MAX_ANKLE_Y for mark in body.marks(ANKLES))
    return within and abs(left - right) > MAX_ANKLE_DIFFERENCE * stature_px(body)


def is_bent(body: Body) -> bool:
    """Return whether a knee or a hip is bent, or the legs are foreshortened as when sitting towards the camera."""
    sides = zip(SHOULDERS, HIPS, KNEES, ANKLES, strict=True)
    return body.hips.distance(body.ankles) < MIN_HIP_TO_ANKLE * stature_px(body) or any(
        body.angle(hip, knee, ankle) < MIN_KNEE_DEG or body.angle(shoulder, hip, knee) < MIN_HIP_DEG
        for shoulder, hip, knee, ankle in sides
    )


def yaw_deg(body: Body) -> float:
    """Return the angle in space between the shoulders and the camera's plane, 0 to 90 degrees."""
    left, right = (body.pose.world[index] for index in SHOULDERS)
    return math.degrees(math.atan2(abs(left.z - right.z), abs(left.x - right.x)))


def shows_back(body: Body) -> bool:
    """Return whether the person's left shoulder is on the left of the picture."""
    left, right = (body.points[index] for index in SHOULDERS)
    return left.x < right.x


def _check_picture_size(detection: Detection) -> None:
    short, long = sorted((detection.original_width, detection.original_height))
    if short < MIN_SHORT_SIDE_PX or long < MIN_LONG_SIDE_PX:
        raise SizingRefused(Gate.IMAGE_TOO_SMALL)
