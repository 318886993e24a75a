"""The body mass index of civilian adults, from published statistics. Pure; kilograms per square metre.

`us`: percentiles of US adults aged 20 and over, August 2021 to August 2023. Fryar CD, Gu Q, Afful J, Carroll MD,
Ogden CL. Anthropometric reference data for children and adults: United States, August 2021-August 2023. National
Center for Health Statistics, Vital and Health Statistics 3(50), June 2025, table 10 (2,680 men, 3,249 women).

`england`: adults aged 16 and over in England, 2013. Moody A. Adult anthropometric measures, overweight and obesity, in:
Health Survey for England 2013. Health and Social Care Information Centre, 2014. It states the shares below a body mass
index of 25 and 30 (men 33 % and 74 %, women 43 % and 76 %) and the means (27.4 and 26.9), but no percentiles: the
distribution is the lognormal one through the two shares.

Between the given points, and beyond them, the logarithm of the index is linear in the normal quantile of the share.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from schemas.errors import Invalid
from schemas.sizing import KG_PER_POUND, Build, Builds, Sex

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Percentiles that the builds 1 to 5 stand for: the middle of each fifth of the population.
BUILD_PERCENTILES = (10, 30, 50, 70, 90)
_STANDARD = NormalDist()
_US_SHARES = (0.05, 0.10, 0.15, 0.25, 0.50, 0.75, 0.85, 0.90, 0.95)


class Population(NamedTuple):
    """The distribution of body mass index by sex.

    Attributes:
        points: Per sex, ascending pairs of the share of adults below a body mass index, and that index.
        source: The publication, for people who read the answer.
    """

    name: str
    points: Mapping[Sex, tuple[tuple[float, float], ...]]
    source: str


US = Population(
    "us",
    {
        Sex.MALE: tuple(zip(_US_SHARES, (20.9, 22.3, 23.4, 24.9, 28.2, 32.6, 35.1, 37.8, 42.1), strict=True)),
        Sex.FEMALE: tuple(zip(_US_SHARES, (19.7, 21.5, 22.4, 24.1, 28.3, 34.4, 38.4, 40.9, 44.9), strict=True)),
    },
    "US adults, 2021-2023: NCHS, Vital and Health Statistics 3(50), 2025",
)
ENGLAND = Population(
    "england",
    {
        Sex.MALE: ((0.33, 25.0), (0.74, 30.0)),
        Sex.FEMALE: ((0.43, 25.0), (0.76, 30.0)),
    },
    "Adults in England, 2013: Health Survey for England 2013",
)
POPULATIONS: Mapping[str, Population] = {population.name: population for population in (US, ENGLAND)}
DEFAULT = ENGLAND


def population_named(name: str) -> Population:
    """Return the population that `POPULATION` names.

    Raises:
        Invalid: There is none of that name.
    """
    if name not in POPULATIONS:
        known = ", ".join(POPULATIONS)
        raise Invalid(f"POPULATION names no table of body mass index; choose one of {known}", code="settings")
    return POPULATIONS[name]


def bmi_quantile(population: Population, sex: Sex, share: float) -> float:
    """Return the body mass index that `share` (0 to 1, exclusive) of the adults of `sex` are below.

    For an unspecified sex: the mean of both sexes' quantiles.
    """
    if sex is Sex.UNSPECIFIED:
        return math.fsum(bmi_quantile(population, known, share) for known in (Sex.MALE, Sex.FEMALE)) / 2
    points = population.points[sex]
    upper = min(max(bisect_right([point[0] for point in points], share), 1), len(points) - 1)
    (low_share, low_bmi), (high_share, high_bmi) = points[upper - 1], points[upper]
    low, high = _STANDARD.inv_cdf(low_share), _STANDARD.inv_cdf(high_share)
    along = (_STANDARD.inv_cdf(share) - low) / (high - low)
    return math.exp(math.log(low_bmi) + along * (math.log(high_bmi) - math.log(low_bmi)))


def build_bmis(population: Population, sex: Sex) -> tuple[float, ...]:
    """Return the body mass index of each build, 1 to 5."""
    return tuple(bmi_quantile(population, sex, percentile / 100) for percentile in BUILD_PERCENTILES)


def builds(population: Population, height_cm: float, sex: Sex) -> Builds:
    """Return the five builds as weights at this height (cm)."""
    weights = [bmi * (height_cm / 100) ** 2 for bmi in build_bmis(population, sex)]
    return Builds(
        builds=tuple(
            Build(
                build=number,
                weight_kg=round(weight, 1),
                weight_lb=round(weight / KG_PER_POUND, 1),
                percentile=percentile,
            )
            for number, (weight, percentile) in enumerate(zip(weights, BUILD_PERCENTILES, strict=True), start=1)
        ),
        source=population.source,
    )
