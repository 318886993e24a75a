"""From an uncertain girth to the probability of each size. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sizing.chart import size_of
from schemas.sizing import SizeRange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipelines.sizing.belief import Belief
    from schemas.size_charts import Chart

#: The probability that `size_range` reaches, and that of the girths' intervals.
LEVEL = 0.8
#: The probability below which no size is named as the answer, only the range.
DECIDED_FROM = 0.4


def size_probabilities(chart: Chart, girth: Belief) -> dict[str, float]:
    """Return the probability of each size; they sum to 1."""
    below = [0.0, *(girth.cdf(bound) for bound in chart.bounds_cm), 1.0]
    return {size: below[i + 1] - below[i] for i, size in enumerate(chart.sizes)}


def most_probable(chart: Chart, probabilities: Mapping[str, float], girth_cm: float) -> str:
    """Return the most probable size; of equally probable ones, the one whose range holds `girth_cm`."""
    best = max(probabilities.values())
    nominal = size_of(chart, girth_cm)
    # A girth on a bound makes two sizes equally probable but for rounding.
    if probabilities[nominal] >= best - 1e-9:
        return nominal
    return max(chart.sizes, key=probabilities.__getitem__)


def size_range(sizes: Sequence[str], probabilities: Mapping[str, float], start: str) -> SizeRange:
    """Extend `start` by its more probable neighbour until the range reaches `LEVEL`."""
    low = high = sizes.index(start)
    reached = probabilities[start]
    while reached < LEVEL and (low > 0 or high < len(sizes) - 1):
        below = probabilities[sizes[low - 1]] if low > 0 else -1.0
        above = probabilities[sizes[high + 1]] if high < len(sizes) - 1 else -1.0
        low, high = (low - 1, high) if below > above else (low, high + 1)
        reached += max(below, above)
    return SizeRange(lower=sizes[low], upper=sizes[high])


def interval(girth: Belief) -> tuple[float, float]:
    """Return the bounds (cm) of the middle `LEVEL` of the distribution."""
    return girth.quantile((1 - LEVEL) / 2), girth.quantile((1 + LEVEL) / 2)
