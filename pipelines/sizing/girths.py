"""Girths from stated facts. Pure; centimetres and kilograms."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from pipelines.sizing.belief import Belief
from pipelines.sizing.coefficients import (
    AGE_FROM,
    AGE_TO,
    CAUTION,
    CIVILIAN_SD_CM,
    WITH_WEIGHT,
    WITH_WEIGHT_AND_AGE,
)
from pipelines.sizing.populations import DEFAULT, POPULATIONS, Population, bmi_quantile, build_bmis
from schemas.size_charts import Girth

if TYPE_CHECKING:
    from pipelines.sizing.coefficients import Line
    from schemas.sizing import Facts, Sex

_STANDARD = NormalDist()
#: Equally probable values of body mass index that stand for the population.
_GRID = 41
#: The people who ask may be lighter or heavier than the table's adults: without a weight or a build the table is
#: spread by this factor, in normal quantiles. With it the 80 % intervals hold for the people of `CIVILIAN_SD_CM`, whose
#: women's mean body mass index is 3.6 below the median of England.
POPULATION_SPREAD = 1.1
#: Share of people who name the build next to their own, the assumption of the survey's evaluation.
MISJUDGED = 0.25


def estimate_girths(facts: Facts, population: Population = DEFAULT) -> dict[Girth, Belief]:
    """Estimate chest, waist and hip from what is known of the weight: itself, else the build, else the population."""
    return {girth: estimate_girth(girth, facts, population) for girth in Girth}


def estimate_girth(girth: Girth, facts: Facts, population: Population = DEFAULT) -> Belief:
    """Estimate one girth, as used for the size. A weight takes precedence over a build."""
    line = _line(girth, facts)
    values, weights = _bmi_values(facts, population)
    means = [_evaluate(line, facts, bmi) for bmi in values]
    return Belief.mixture([NormalDist(mean, CAUTION * line.sd) for mean in means], weights)


def widened_for_civilians(belief: Belief, girth: Girth, sex: Sex) -> Belief:
    """Return the girth's distribution as its interval is stated: wide enough to hold on civilians."""
    return belief.widened(CIVILIAN_SD_CM[sex, girth])


def uses_age(facts: Facts) -> bool:
    """Return whether the age changes any girth."""
    return facts.age is not None and (facts.sex, Girth.WAIST) in WITH_WEIGHT_AND_AGE


def _line(girth: Girth, facts: Facts) -> Line:
    plain = WITH_WEIGHT[facts.sex, girth]
    return plain if facts.age is None else WITH_WEIGHT_AND_AGE.get((facts.sex, girth), plain)


def _evaluate(line: Line, facts: Facts, bmi: float) -> float:
    shape = math.sqrt(bmi * facts.height_cm)  # 100 * sqrt(weight / height), with the weight of this index
    age = min(max(facts.age or AGE_FROM, AGE_FROM), AGE_TO)
    return line.const + line.height * facts.height_cm + line.shape * shape + line.age * age


def _bmi_values(facts: Facts, population: Population) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the possible body mass indices and the probability of each."""
    if facts.weight_kg is not None:
        return (facts.weight_kg / (facts.height_cm / 100) ** 2,), (1.0,)
    return _population_values(population.name, facts.sex, facts.build)


@functools.cache
def _population_values(name: str, sex: Sex, build: int | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    population = POPULATIONS[name]
    shares = [(i + 0.5) / _GRID for i in range(_GRID)]
    if build is None:
        return tuple(bmi_quantile(population, sex, _spread(share)) for share in shares), (1.0,) * _GRID
    values = [bmi_quantile(population, sex, share) for share in shares]
    anchors = build_bmis(population, sex)
    likely = [(bmi, _answer_probability(build - 1, bmi, anchors)) for bmi in values]
    kept = [(bmi, weight) for bmi, weight in likely if weight > 0]
    return tuple(bmi for bmi, _ in kept), tuple(weight for _, weight in kept)


def _spread(share: float) -> float:
    return _STANDARD.cdf(POPULATION_SPREAD * _STANDARD.inv_cdf(share))


def _answer_probability(build: int, bmi: float, anchors: tuple[float, ...]) -> float:
    """Return the probability that a person of this index names `build` (0 to 4): the nearest, or one beside it."""
    nearest = min(range(len(anchors)), key=lambda index: abs(anchors[index] - bmi))
    if build == nearest:
        return 1 - MISJUDGED
    neighbours = [index for index in (nearest - 1, nearest + 1) if 0 <= index < len(anchors)]
    return MISJUDGED / len(neighbours) if build in neighbours else 0.0
