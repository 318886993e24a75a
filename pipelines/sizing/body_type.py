"""The figure as one of four words. Pure."""

from __future__ import annotations

from schemas.sizing import BodyType

#: Waist (at navel level) over stature.
BROAD_FROM = 0.55
SLIM_BELOW = 0.43
#: Chest over waist.
ATHLETIC_FROM = 1.14


def body_type(chest_cm: float, waist_cm: float, height_cm: float) -> BodyType:
    """Return the first that applies, with the waist at navel level.

    - broad: the waist is at least 0.55 of the stature;
    - slim: the waist is less than 0.43 of the stature;
    - athletic: the chest is at least 1.14 times the waist;
    - average: otherwise, which is about half of the people that the girths were fitted on.
    """
    if waist_cm >= BROAD_FROM * height_cm:
        return BodyType.BROAD
    if waist_cm < SLIM_BELOW * height_cm:
        return BodyType.SLIM
    if chest_cm >= ATHLETIC_FROM * waist_cm:
        return BodyType.ATHLETIC
    return BodyType.AVERAGE
