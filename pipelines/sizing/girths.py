"""Girths from what the person says. Pure; centimetres and kilograms."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from pipelines.sizing.coefficients import (
    AGE_FROM,
    AGE_TO,
    BUILD_BMI,
    BUILD_SD_CM,
    CIVILIAN_BIAS_CM,
    WITH_WEIGHT,
    WITH_WEIGHT_AND_AGE,
    WITHOUT_WEIGHT,
)
from schemas.sizing import Girth

if TYPE_CHECKING:
    from pipelines.sizing.coefficients import Line
    from schemas.sizing import Facts

#: Held-out soldiers are closer to the fit than customers will be: every stated uncertainty is this much wider.
CAUTION = 1.15


class GirthEstimate(NamedTuple):
    """One girth.

    Attributes:
        mean_cm: The estimate.
        residual_cm: Its standard deviation on held-out people.
        bias_cm: A further uncertainty that does not average out: how far civilians were off.
    """

    mean_cm: float
    residual_cm: float
    bias_cm: float = 0.0

    @property
    def measured(self) -> NormalDist:
        """As on the held-out people of the survey, in cm."""
        return NormalDist(self.mean_cm, self.residual_cm)

    @property
    def believed(self) -> NormalDist:
        """What we answer with: widened by `CAUTION`, and by the bias. In cm."""
        return NormalDist(self.mean_cm, math.hypot(CAUTION * self.residual_cm, self.bias_cm))


def estimate_girths(facts: Facts) -> dict[Girth, GirthEstimate]:
    """Chest, waist and hip, from the best regression that the facts allow: weight, else build, else height alone."""
    return {girth: estimate_girth(girth, facts) for girth in Girth}


def estimate_girth(girth: Girth, facts: Facts) -> GirthEstimate:
    """One girth; a weight wins over a build, age is used where it says something."""
    weight_kg = facts.weight_kg if facts.weight_kg is not None else _weight_of_build(facts)
    if weight_kg is None:
        line = WITHOUT_WEIGHT[facts.sex, girth]
        return GirthEstimate(_evaluate(line, facts, 0.0), line.sd, CIVILIAN_BIAS_CM[facts.sex])
    line = _line(girth, facts)
    shape = 100 * math.sqrt(weight_kg / facts.height_cm)
    residual = line.sd if facts.weight_kg is not None else _build_residual(girth, facts, line)
    return GirthEstimate(_evaluate(line, facts, shape), residual)


def uses_age(facts: Facts) -> bool:
    """Whether the age changes any girth."""
    known = facts.weight_kg is not None or facts.build is not None
    return facts.age is not None and known and (facts.sex, Girth.WAIST) in WITH_WEIGHT_AND_AGE


def _line(girth: Girth, facts: Facts) -> Line:
    plain = WITH_WEIGHT[facts.sex, girth]
    return plain if facts.age is None else WITH_WEIGHT_AND_AGE.get((facts.sex, girth), plain)


def _evaluate(line: Line, facts: Facts, shape: float) -> float:
    age = min(max(facts.age or AGE_FROM, AGE_FROM), AGE_TO)
    return line.const + line.height * facts.height_cm + line.shape * shape + line.age * age


def _weight_of_build(facts: Facts) -> float | None:
    if facts.build is None:
        return None
    return float(BUILD_BMI[facts.sex][facts.build - 1] * (facts.height_cm / 100) ** 2)


def _build_residual(girth: Girth, facts: Facts, line: Line) -> float:
    """The build's residual, less what the age explains of it."""
    explained = WITH_WEIGHT[facts.sex, girth].sd ** 2 - line.sd**2
    return math.sqrt(BUILD_SD_CM[facts.sex, girth] ** 2 - explained)
