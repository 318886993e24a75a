"""What a shop's returns say about its charts: a Bayesian shift of the girth. Pure; centimetres.

The shop's garments may fit as if the customers' girths were `d` cm larger than estimated. Before any answer `d` is
normal around 0. A garment of the recommended size is too small where `d`, less the shift that was already applied, plus
individual noise exceeds a tolerance, and too large where it is below minus that tolerance (an ordered probit). The
shift is the posterior mean of `d`.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Fewer answers are no evidence: the shift is 0.
MIN_ANSWERS = 30
#: Standard deviation of `d` before any answer, cm.
PRIOR_SD_CM = 2.5
#: Individual noise and tolerance, as shares of the chart's step: without a shift 7 % of customers find the recommended
#: size too small, and as many too large.
NOISE_STEPS = 0.6
TOLERANCE_STEPS = 0.9
_REACH_CM, _GRID_CM = 8.0, 0.1
_FLOOR = 1e-12


class FeedbackCounts(NamedTuple):
    """Answers of one shop about one chart, given while `shift_cm` was applied."""

    shift_cm: float
    kept: int
    too_small: int
    too_large: int

    @property
    def total(self) -> int:
        """Number of answers."""
        return self.kept + self.too_small + self.too_large


def learned_shift_cm(groups: Iterable[FeedbackCounts], step_cm: float) -> float:
    """Return what to add to the girth, cm, to 0.1; 0 for fewer than `MIN_ANSWERS` answers.

    Args:
        groups: The answers, grouped by the shift that was applied when they were given.
        step_cm: The width of the chart's sizes.
    """
    listed = list(groups)
    if sum(group.total for group in listed) < MIN_ANSWERS:
        return 0.0
    points = [index * _GRID_CM for index in range(-round(_REACH_CM / _GRID_CM), round(_REACH_CM / _GRID_CM) + 1)]
    logs = [_log_posterior(point, listed, step_cm) for point in points]
    highest = max(logs)
    weights = [math.exp(value - highest) for value in logs]
    mean = math.fsum(point * weight for point, weight in zip(points, weights, strict=True)) / math.fsum(weights)
    return round(mean, 1)


def _log_posterior(deviation: float, groups: Iterable[FeedbackCounts], step_cm: float) -> float:
    total = -0.5 * (deviation / PRIOR_SD_CM) ** 2
    for group in groups:
        left = NormalDist(deviation - group.shift_cm, NOISE_STEPS * step_cm)
        too_large, below = left.cdf(-TOLERANCE_STEPS * step_cm), left.cdf(TOLERANCE_STEPS * step_cm)
        for count, probability in (
            (group.too_large, too_large),
            (group.kept, below - too_large),
            (group.too_small, 1 - below),
        ):
            total += count * math.log(max(probability, _FLOOR))
    return total
