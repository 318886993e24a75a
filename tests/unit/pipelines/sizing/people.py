"""Simulated people: heights and body mass indices from published statistics, girths around the regression."""

from __future__ import annotations

import random

from devtools.bench.sizing_accuracy import MeasuredPerson
from pipelines.sizing.coefficients import WITH_WEIGHT
from pipelines.sizing.girths import estimate_girth
from pipelines.sizing.populations import Population, bmi_quantile
from schemas.size_charts import Girth
from schemas.sizing import Facts, Sex

#: Mean and standard deviation of stature (cm) and body mass index in ANSUR II.
ANSUR = {Sex.MALE: (175.6, 6.9, 27.7, 4.0), Sex.FEMALE: (162.8, 6.4, 25.5, 3.7)}
#: Mean stature (cm) of adults aged 20 and over: table 7 of the report that `populations.US` is from. The standard
#: deviation is that of a normal distribution with its quartiles (170.0 and 180.1, 156.4 and 166.1).
US_HEIGHTS = {Sex.MALE: (175.1, 7.5), Sex.FEMALE: (161.2, 7.2)}


def soldiers(sex: Sex, number: int) -> list[MeasuredPerson]:
    """Return people as in the survey, whose girths scatter as those of the people who were held out."""
    chance = random.Random(20261122)
    height_mean, height_sd, bmi_mean, bmi_sd = ANSUR[sex]
    return [
        _person(chance, sex, chance.gauss(height_mean, height_sd), chance.gauss(bmi_mean, bmi_sd))
        for _ in range(number)
    ]


def adults(population: Population, sex: Sex, number: int) -> list[MeasuredPerson]:
    """Return people whose body mass index is distributed as in `population`."""
    chance = random.Random(20261122)
    mean, deviation = US_HEIGHTS[sex]
    return [
        _person(chance, sex, chance.gauss(mean, deviation), bmi_quantile(population, sex, chance.uniform(0.001, 0.999)))
        for _ in range(number)
    ]


def _person(chance: random.Random, sex: Sex, height: float, bmi: float) -> MeasuredPerson:
    height, bmi = min(max(height, 140), 210), min(max(bmi, 16), 50)
    weight = bmi * (height / 100) ** 2
    facts = Facts(height_cm=height, weight_kg=weight, sex=sex)
    girths = {girth: chance.gauss(estimate_girth(girth, facts).mean, WITH_WEIGHT[sex, girth].sd) for girth in Girth}
    return MeasuredPerson(sex, height, weight, girths)
