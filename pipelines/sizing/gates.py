"""The gates of a photo: one whole, upright, frontal person, or a reason that says what to do differently. Pure.

The thresholds were set on 127 pictures, of which they accepted 22, 21 of them rightly, and refused no good one:
starting values. The visibility of joints alone is no gate: squats and lunges have 0.95 and more everywhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

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
#: Another pose of this share of the person's height is another person, not somebody in the background...
MIN_OTHER_HEIGHT = 0.5
#: ... unless the noses are closer than this many shoulder widths: then the model saw one person twice.
MIN_NOSE_DISTANCE = 0.5
MAX_LEAN_DEG = 15
#: From here on it is the picture that lies, not the person who leans.
LYING_DEG = 60
MIN_KNEE_DEG, MIN_HIP_DEG = 140, 135
MIN_HIP_TO_ANKLE = 0.38
MAX_YAW_DEG = 25


def check_photo(detection: Detection) -> Body:
    """The one person whose size can be estimated.

    Raises:
        SizingRefused: The first gate, in the order of `Gate`, that the photo does not pass.
    """
    _check_size(detection)
    bodies = [Body(pose, detection) for pose in detection.poses]
    if not bodies:
        raise SizingRefused(Gate.NO_PERSON)
    body = max(bodies, key=stature_px)
    others = [other for other in bodies if other is not body]
    for gate, refused in (
        (Gate.PERSON_TOO_SMALL, stature_px(body) < MIN_STATURE_PX),
        (Gate.BODY_CROPPED, is_cropped(body)),
        (Gate.MULTIPLE_PEOPLE, has_company(body, others)),
        (Gate.NOT_UPRIGHT, lean_deg(body) > MAX_LEAN_DEG),
        (Gate.NOT_STANDING, is_bent(body)),
        (Gate.NOT_FRONTAL, yaw_deg(body) > MAX_YAW_DEG),
        (Gate.BACK_VIEW, shows_back(body)),
    ):
        if refused:
            raise SizingRefused(gate, public_message=_sentence(gate, body), landmark_visibility=body.visibility)
    return body


def is_cropped(body: Body) -> bool:
    """Whether a deciding joint is hidden, or the head or a foot is outside the picture."""
    return (
        min(body.visibility.values()) < MIN_VISIBILITY
        or any(mark.y > MAX_ANKLE_Y for mark in body.marks(ANKLES))
        or any(mark.y > 1 for mark in body.marks(FEET))
        or any(mark.y < 0 for mark in body.marks(FACE))
    )


def has_company(body: Body, others: Sequence[Body]) -> bool:
    """Whether another pose is another person of comparable height."""
    return any(
        other.ear_to_ankle_px >= MIN_OTHER_HEIGHT * body.ear_to_ankle_px
        and body.points[NOSE].distance(other.points[NOSE]) >= MIN_NOSE_DISTANCE * body.shoulder_px
        for other in others
    )


def lean_deg(body: Body) -> float:
    """How far the body or the trunk, whichever is further, is from vertical, 0 to 180 degrees."""
    return max(from_vertical(body.ears, body.ankles), from_vertical(body.shoulders, body.hips))


def is_bent(body: Body) -> bool:
    """Whether a knee or a hip is bent, or the legs are foreshortened as when sitting towards the camera."""
    sides = zip(SHOULDERS, HIPS, KNEES, ANKLES, strict=True)
    return body.hips.distance(body.ankles) < MIN_HIP_TO_ANKLE * stature_px(body) or any(
        body.angle(hip, knee, ankle) < MIN_KNEE_DEG or body.angle(shoulder, hip, knee) < MIN_HIP_DEG
        for shoulder, hip, knee, ankle in sides
    )


def yaw_deg(body: Body) -> float:
    """How far the shoulders are turned from the camera's plane, 0 to 90 degrees, in space."""
    left, right = (body.pose.world[index] for index in SHOULDERS)
    return math.degrees(math.atan2(abs(left.z - right.z), abs(left.x - right.x)))


def shows_back(body: Body) -> bool:
    """Whether the person's left shoulder is on the left of the picture."""
    left, right = (body.points[index] for index in SHOULDERS)
    return left.x < right.x


def _check_size(detection: Detection) -> None:
    short, long = sorted((detection.original_width, detection.original_height))
    if short < MIN_SHORT_SIDE_PX or long < MIN_LONG_SIDE_PX:
        raise SizingRefused(Gate.IMAGE_TOO_SMALL)


def _sentence(gate: Gate, body: Body) -> str | None:
    return TURN_THE_PICTURE if gate is Gate.NOT_UPRIGHT and lean_deg(body) > LYING_DEG else None
