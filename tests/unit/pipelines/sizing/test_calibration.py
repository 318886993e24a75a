"""The published residuals, replayed: people whose true girths scatter around the fit as they did when held out."""

from __future__ import annotations

import random
from statistics import fmean
from typing import NamedTuple

import pytest

from pipelines.sizing.chart import BUILT_IN, LETTERS, size_of
from pipelines.sizing.improve import share_right
from pipelines.sizing.probabilities import most_probable, size_probabilities, size_range
from pipelines.sizing.sizes import choose
from schemas.sizing import Facts, Sex, Wish

PEOPLE = 6000
#: Mean and standard deviation of stature (cm) and body mass index in ANSUR II.
POPULATION = {Sex.MALE: (175.6, 6.9, 27.7, 4.0), Sex.FEMALE: (162.8, 6.4, 25.5, 3.7)}


class Outcome(NamedTuple):
    confidence: float
    measured: float
    right: bool
    near: bool
    in_range: bool


def replay(sex: Sex, *, with_weight: bool) -> list[Outcome]:
    chance = random.Random(20261122)
    return [_person(chance, sex, with_weight=with_weight) for _ in range(PEOPLE)]


def _person(chance: random.Random, sex: Sex, *, with_weight: bool) -> Outcome:
    height_mean, height_sd, bmi_mean, bmi_sd = POPULATION[sex]
    height = min(max(chance.gauss(height_mean, height_sd), 140), 210)
    weight = min(max(chance.gauss(bmi_mean, bmi_sd), 17), 45) * (height / 100) ** 2
    facts = Facts(height_cm=height, weight_kg=weight if with_weight else None, sex=sex)
    _, chart, girth = choose(facts, Wish(), BUILT_IN)
    probabilities = size_probabilities(chart, girth.believed)
    said = most_probable(chart, probabilities, girth.mean_cm)
    reach = size_range(chart.sizes, probabilities, said)
    truth = LETTERS.index(size_of(chart, chance.gauss(*_scatter(girth.measured))))
    return Outcome(
        probabilities[said],
        share_right(chart, girth.measured),
        truth == LETTERS.index(said),
        abs(truth - LETTERS.index(said)) <= 1,
        LETTERS.index(reach.lower) <= truth <= LETTERS.index(reach.upper),
    )


def _scatter(girth: object) -> tuple[float, float]:
    return girth.mean, girth.stdev  # type: ignore[attr-defined]


@pytest.mark.parametrize(("sex", "right", "near"), [(Sex.MALE, 0.70, 0.999), (Sex.FEMALE, 0.61, 0.993)])
def test_with_a_weight_the_size_is_right_as_often_as_was_measured(sex: Sex, right: float, near: float) -> None:
    people = replay(sex, with_weight=True)

    assert fmean(person.right for person in people) == pytest.approx(right, abs=0.03)
    assert fmean(person.near for person in people) == pytest.approx(near, abs=0.01)


@pytest.mark.parametrize(("sex", "right"), [(Sex.MALE, 0.35), (Sex.FEMALE, 0.37)])
def test_with_the_height_alone_the_size_is_right_as_seldom_as_was_measured(sex: Sex, right: float) -> None:
    assert fmean(person.right for person in replay(sex, with_weight=False)) == pytest.approx(right, abs=0.03)


@pytest.mark.parametrize(("sex", "confidence"), [(Sex.MALE, 0.65), (Sex.FEMALE, 0.56)])
def test_the_confidence_is_as_published_and_never_above_the_share_that_is_right(sex: Sex, confidence: float) -> None:
    people = replay(sex, with_weight=True)
    stated = fmean(person.confidence for person in people)

    assert stated == pytest.approx(confidence, abs=0.03)
    assert stated <= fmean(person.right for person in people)


@pytest.mark.parametrize("sex", [Sex.MALE, Sex.FEMALE])
def test_people_told_a_higher_confidence_are_right_more_often(sex: Sex) -> None:
    people = sorted(replay(sex, with_weight=True), key=lambda person: person.confidence)
    thirds = [people[: PEOPLE // 3], people[PEOPLE // 3 : 2 * PEOPLE // 3], people[2 * PEOPLE // 3 :]]
    rights = [fmean(person.right for person in third) for third in thirds]

    assert rights == sorted(rights)
    for third, right in zip(thirds, rights, strict=True):
        assert fmean(person.confidence for person in third) <= right + 0.02


@pytest.mark.parametrize("sex", [Sex.MALE, Sex.FEMALE])
def test_the_range_holds_the_truth_as_often_as_was_measured(sex: Sex) -> None:
    assert 0.90 <= fmean(person.in_range for person in replay(sex, with_weight=True)) <= 0.97


@pytest.mark.parametrize("with_weight", [True, False])
@pytest.mark.parametrize("sex", [Sex.MALE, Sex.FEMALE])
def test_the_share_said_to_be_right_is_right(sex: Sex, with_weight: bool) -> None:
    people = replay(sex, with_weight=with_weight)
    assert fmean(person.measured for person in people) == pytest.approx(
        fmean(person.right for person in people), abs=0.02
    )
