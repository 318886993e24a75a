"""An uncertain girth: a weighted mixture of normal distributions, in cm. Pure.

With a known weight there is one component. Without it there is one for each body mass index that the person may have,
so the answer keeps the long upper tail of body weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Halvings of a bracket of at most about 200 cm: the error is below 0.01 cm.
_BISECTIONS = 16
#: Standard deviations beyond the outermost component that certainly hold a quantile.
_BRACKET = 5.0


@dataclass(frozen=True, slots=True)
class Belief:
    """A distribution of one girth.

    Attributes:
        components: Normal distributions, cm.
        weights: Of the components; they sum to 1.
    """

    components: tuple[NormalDist, ...]
    weights: tuple[float, ...]

    @classmethod
    def mixture(cls, components: Sequence[NormalDist], weights: Sequence[float]) -> Belief:
        """Return the mixture; `weights` are positive and need not sum to 1."""
        total = math.fsum(weights)
        return cls(tuple(components), tuple(weight / total for weight in weights))

    @property
    def mean(self) -> float:
        """The mean, cm."""
        return math.fsum(weight * part.mean for part, weight in zip(self.components, self.weights, strict=True))

    @property
    def stdev(self) -> float:
        """The standard deviation, cm."""
        mean = self.mean
        parts = zip(self.components, self.weights, strict=True)
        return math.sqrt(math.fsum(weight * (part.variance + (part.mean - mean) ** 2) for part, weight in parts))

    def cdf(self, girth_cm: float) -> float:
        """Return the probability of a girth of at most `girth_cm`."""
        parts = zip(self.components, self.weights, strict=True)
        return min(math.fsum(weight * part.cdf(girth_cm) for part, weight in parts), 1.0)

    def quantile(self, share: float) -> float:
        """Return the girth (cm, to 0.01) that `share` of the distribution is below."""
        if len(self.components) == 1:
            return self.components[0].inv_cdf(share)
        low = min(part.mean - _BRACKET * part.stdev for part in self.components)
        high = max(part.mean + _BRACKET * part.stdev for part in self.components)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.cdf(middle) < share else (low, middle)
        return (low + high) / 2

    def shifted(self, offset_cm: float) -> Belief:
        """Return the same distribution, `offset_cm` higher."""
        return Belief(tuple(part + offset_cm for part in self.components), self.weights)

    def widened(self, deviation_cm: float) -> Belief:
        """Return the distribution with an independent error of this standard deviation (cm) added."""
        parts = tuple(NormalDist(part.mean, math.hypot(part.stdev, deviation_cm)) for part in self.components)
        return Belief(parts, self.weights)
