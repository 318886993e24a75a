"""Percentiles of measured values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def curve(values: Sequence[float], points: int = 40) -> list[float]:
    """Return evenly spaced percentiles for a plot."""
    return [round(percentile(values, (number + 1) / points), 2) for number in range(points)]
