"""The gates that need no picture: the heights and weights that the estimate covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sizing.errors import SizingRefused
from schemas.gates import Gate

if TYPE_CHECKING:
    from schemas.sizing import Facts

HEIGHT_CM = (140.0, 210.0)
WEIGHT_KG = (35.0, 180.0)
BMI = (15.0, 50.0)


def check_facts(facts: Facts) -> None:
    """Check that the facts are within the range of the estimate.

    Raises:
        SizingRefused: HEIGHT_OUT_OF_RANGE or WEIGHT_OUT_OF_RANGE.
    """
    if not _within(facts.height_cm, HEIGHT_CM):
        raise SizingRefused(Gate.HEIGHT_OUT_OF_RANGE)
    if facts.weight_kg is None:
        return
    bmi = facts.weight_kg / (facts.height_cm / 100) ** 2
    if not _within(facts.weight_kg, WEIGHT_KG) or not _within(bmi, BMI):
        raise SizingRefused(Gate.WEIGHT_OUT_OF_RANGE)


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]
