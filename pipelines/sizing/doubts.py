"""Warnings: reasons why an answer is less certain. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sizing.joints import ELBOWS, HIPS, SHOULDERS
from pipelines.sizing.scale import stature_px
from schemas.sizing import Sex, Warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sizing.gates import CheckedPhoto
    from pipelines.sizing.joints import Body
    from schemas.sizing import Facts

MAX_ARM_DEG = 75
#: Above the thresholds of the gates: a photo between both passes with a warning.
GOOD_VISIBILITY = 0.8
GOOD_STATURE_PX = 300
#: Statures with enough people in the survey, cm.
SURVEYED_CM: Mapping[Sex, tuple[float, float]] = {
    Sex.MALE: (150, 195),
    Sex.FEMALE: (145, 180),
    Sex.UNSPECIFIED: (145, 195),
}
SURVEYED_FROM_AGE = 17

SENTENCES: Mapping[str, str] = {
    "ARMS_RAISED": "The arms are raised, which lifts the shoulders: let them hang for a better shoulder breadth.",
    "LOW_QUALITY": "Parts of the body are small or hard to see: a sharper, closer photo makes the scale more certain.",
    "ANOTHER_FIGURE": (
        "The photo also shows a smaller person, perhaps on a screen or a poster. The largest person was measured."
    ),
    "EXTRAPOLATED": "Few people of this height or age were measured: the answer is less certain than stated.",
    "WEIGHT_UNKNOWN": "A photo does not show girths: without a weight or a build the size is a guess from the height.",
}


def doubts(photo: CheckedPhoto, facts: Facts) -> tuple[Warn, ...]:
    """Return the warnings that apply, in a fixed order."""
    applies = {
        "ARMS_RAISED": has_raised_arms(photo.body),
        "LOW_QUALITY": is_hard_to_see(photo.body),
        "ANOTHER_FIGURE": photo.has_smaller_figure,
        "EXTRAPOLATED": is_extrapolated(facts),
        "WEIGHT_UNKNOWN": facts.weight_kg is None and facts.build is None,
    }
    return tuple(Warn(code=code, message=SENTENCES[code]) for code, holds in applies.items() if holds)


def has_raised_arms(body: Body) -> bool:
    """Return whether an upper arm is more than 75 degrees from the trunk."""
    sides = zip(ELBOWS, SHOULDERS, HIPS, strict=True)
    return any(body.angle(elbow, shoulder, hip) > MAX_ARM_DEG for elbow, shoulder, hip in sides)


def is_hard_to_see(body: Body) -> bool:
    """Return whether the photo passes the gates by a narrow margin only."""
    return min(body.visibility.values()) < GOOD_VISIBILITY or stature_px(body) < GOOD_STATURE_PX


def is_extrapolated(facts: Facts) -> bool:
    """Return whether the survey has too few people of this stature or age."""
    low, high = SURVEYED_CM[facts.sex]
    return not low <= facts.height_cm <= high or (facts.age is not None and facts.age < SURVEYED_FROM_AGE)
