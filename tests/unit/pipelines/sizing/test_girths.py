from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sizing.coefficients import CAUTION
from pipelines.sizing.girths import estimate_girth, estimate_girths, uses_age, widened_for_civilians
from schemas.size_charts import Girth
from schemas.sizing import Facts, Sex

SEXES = st.sampled_from(Sex)
HEIGHTS = st.floats(140, 210)
WEIGHTS = st.floats(35, 180)
BUILDS = st.none() | st.integers(1, 5)
AGES = st.none() | st.integers(1, 120)


def girths_of(**facts: object) -> list[float]:
    return [estimate.mean for estimate in estimate_girths(Facts.model_validate(facts)).values()]


@pytest.mark.parametrize(
    ("height", "weight", "sex", "expected"),
    [
        (175, 75, "male", (99.6, 86.1, 96.5)),
        (165, 60, "female", (88.4, 78.2, 96.5)),
        (190, 110, "male", (116.2, 106.3, 112.4)),
        (170, 70, "unspecified", (96.0, 84.7, 98.4)),
    ],
)
def test_the_published_vectors_are_reproduced_to_a_tenth_of_a_centimetre(
    height: float, weight: float, sex: str, expected: tuple[float, ...]
) -> None:
    assert girths_of(height_cm=height, weight_kg=weight, sex=sex) == pytest.approx(expected, abs=0.051)


def test_the_height_alone_keeps_the_spread_of_the_population() -> None:
    alone = estimate_girth(Girth.CHEST, Facts(height_cm=175, sex=Sex.MALE))
    median = estimate_girth(Girth.CHEST, Facts(height_cm=175, weight_kg=26.9 * 1.75**2, sex=Sex.MALE))

    assert alone.quantile(0.5) == pytest.approx(median.mean, abs=0.3)
    assert alone.stdev > 2 * median.stdev


def test_a_weight_reduces_the_spread_to_its_residual_with_a_margin() -> None:
    estimate = estimate_girth(Girth.CHEST, Facts(height_cm=165, weight_kg=60, sex=Sex.FEMALE))
    assert estimate.stdev == pytest.approx(CAUTION * 4.24)


def test_the_intervals_are_wider_where_civilians_differ_from_soldiers() -> None:
    estimate = estimate_girth(Girth.WAIST, Facts(height_cm=165, weight_kg=60, sex=Sex.FEMALE))

    widened = widened_for_civilians(estimate, Girth.WAIST, Sex.FEMALE)
    assert widened.mean == pytest.approx(estimate.mean)
    assert widened.stdev == pytest.approx(math.hypot(CAUTION * 4.82, 5.8))


def test_age_affects_the_waist_only() -> None:
    young = girths_of(height_cm=175, weight_kg=75, sex="male", age=20)
    old = girths_of(height_cm=175, weight_kg=75, sex="male", age=40)

    assert old[0] == young[0]
    assert old[1] == pytest.approx(young[1] + 20 * 0.2043)
    assert old[2] == young[2]


@pytest.mark.parametrize(("age", "like"), [(45, 46), (45, 80), (18, 17), (18, 5)])
def test_age_counts_from_18_to_45_only(age: int, like: int) -> None:
    waists = [girths_of(height_cm=175, weight_kg=75, sex="male", age=years)[1] for years in (age, like)]
    assert waists[0] == waists[1]


@pytest.mark.parametrize(
    ("facts", "used"),
    [
        ({"weight_kg": 75, "sex": "male"}, True),
        ({"build": 3, "sex": "female"}, True),
        ({"weight_kg": 75}, False),
        ({"sex": "male"}, True),
    ],
)
def test_age_is_used_in_regressions_that_include_it(facts: dict[str, object], used: bool) -> None:
    assert uses_age(Facts.model_validate({"height_cm": 175, "age": 30, **facts})) is used


def test_a_build_narrows_the_population_to_the_weights_around_it() -> None:
    picked = Facts(height_cm=175, build=3, sex=Sex.MALE)
    weighed = Facts(height_cm=175, weight_kg=26.9 * 1.75**2, sex=Sex.MALE)
    alone = Facts(height_cm=175, sex=Sex.MALE)

    for girth in Girth:
        assert estimate_girth(girth, picked).mean == pytest.approx(estimate_girth(girth, weighed).mean, abs=0.7)
        deviations = [estimate_girth(girth, facts).stdev for facts in (weighed, picked, alone)]
        assert deviations == sorted(deviations)


def test_a_weight_takes_precedence_over_a_build() -> None:
    assert girths_of(height_cm=175, weight_kg=75, build=5) == girths_of(height_cm=175, weight_kg=75)


@given(sex=SEXES, height=HEIGHTS, light=WEIGHTS, more=st.floats(0.01, 50), age=AGES)
def test_every_girth_grows_with_weight(sex: Sex, height: float, light: float, more: float, age: int | None) -> None:
    thin = girths_of(height_cm=height, weight_kg=light, sex=sex, age=age)
    thick = girths_of(height_cm=height, weight_kg=light + more, sex=sex, age=age)

    assert all(a < b for a, b in zip(thin, thick, strict=True))


@given(sex=SEXES, height=HEIGHTS, build=st.integers(1, 4))
def test_every_girth_grows_with_build(sex: Sex, height: float, build: int) -> None:
    slimmer = girths_of(height_cm=height, build=build, sex=sex)
    heavier = girths_of(height_cm=height, build=build + 1, sex=sex)

    assert all(a < b for a, b in zip(slimmer, heavier, strict=True))


@given(sex=SEXES, height=HEIGHTS, weight=st.none() | WEIGHTS, build=BUILDS, age=AGES)
def test_girths_are_continuous_in_height_and_weight(
    sex: Sex, height: float, weight: float | None, build: int | None, age: int | None
) -> None:
    here = {"height_cm": height, "weight_kg": weight, "build": build, "sex": sex, "age": age}
    there = {**here, "height_cm": height + 0.1, "weight_kg": weight and weight + 0.001}

    assert girths_of(**there) == pytest.approx(girths_of(**here), abs=0.15)


@given(sex=SEXES, height=HEIGHTS, weight=st.none() | WEIGHTS, build=BUILDS, age=AGES)
def test_every_girth_is_a_positive_number_with_a_positive_uncertainty(
    sex: Sex, height: float, weight: float | None, build: int | None, age: int | None
) -> None:
    facts = Facts(height_cm=height, weight_kg=weight, build=build, sex=sex, age=age)
    for estimate in estimate_girths(facts).values():
        assert math.isfinite(estimate.mean)
        assert estimate.mean > 0
        assert estimate.stdev > 0
