from __future__ import annotations

import pytest

from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.improve import improvement, in_words, missing
from schemas.sizing import Chart, Facts, Girth, Improvement, Sex, Wish


def asked(wish: Wish | None = None, **facts: object) -> Improvement | None:
    return improvement(Facts.model_validate(facts), wish or Wish(), BUILT_IN)


def test_a_weight_is_asked_for_with_what_it_brings() -> None:
    found = asked(height_cm=175, sex="male")

    assert found is not None
    assert found.fact == "weight_kg"
    assert found.message == "With weight: right for 7 in 10 instead of 1 in 3."
    assert found.now == pytest.approx(0.36, abs=0.01)
    assert found.then == pytest.approx(0.69, abs=0.01)


def test_a_weight_is_asked_for_although_a_build_is_given() -> None:
    found = asked(height_cm=165, sex="female", build=2)

    assert found is not None
    assert found.fact == "weight_kg"


def test_nothing_is_asked_for_when_nothing_would_help() -> None:
    assert asked(height_cm=175, weight_kg=75, sex="male", age=30) is None


def test_an_age_is_no_help_to_a_chart_of_chests() -> None:
    assert asked(height_cm=175, weight_kg=75, sex="male") is None


def test_a_sex_is_asked_for_where_it_narrows_the_girth_of_the_chart() -> None:
    hips = Wish(chart=Chart(girth=Girth.HIP, sizes=("S", "M", "L", "XL"), bounds_cm=(92, 98, 104)))
    found = asked(hips, height_cm=175, weight_kg=75)

    assert found is not None
    assert found.fact == "sex"


@pytest.mark.parametrize(
    ("share", "words"), [(0.69, "7 in 10"), (0.36, "1 in 3"), (0.61, "6 in 10"), (0.5, "1 in 2"), (0.99, "9 in 10")]
)
def test_a_share_is_said_as_people_say_it(share: float, words: str) -> None:
    assert in_words(share) == words


def test_a_build_is_not_missed_beside_a_weight() -> None:
    assert missing(Facts(height_cm=175, weight_kg=75)) == ["sex", "age"]
    assert missing(Facts(height_cm=175, sex=Sex.MALE, age=30)) == ["weight_kg", "build"]
