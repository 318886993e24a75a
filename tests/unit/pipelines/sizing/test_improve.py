from __future__ import annotations

import pytest

from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.improve import RIGHT_WITH_WEIGHT, improvement, in_words, missing
from schemas.size_charts import Chart, Girth
from schemas.sizing import Facts, Improvement, Sex, Wish


def asked(wish: Wish | None = None, **facts: object) -> Improvement | None:
    return improvement(Facts.model_validate(facts), wish or Wish(), BUILT_IN)


@pytest.mark.parametrize(
    "facts", [{"height_cm": 175, "sex": "male"}, {"height_cm": 165, "sex": "female", "build": 2}, {"height_cm": 190}]
)
def test_the_advice_for_a_weight_has_the_same_figure_everywhere(facts: dict[str, object]) -> None:
    found = improvement(Facts.model_validate(facts), Wish(), BUILT_IN)

    assert found is not None
    assert found.fact == "weight_kg"
    assert found.then == RIGHT_WITH_WEIGHT
    assert found.message == "Your weight makes it right for 6 in 10."
    assert found.now < found.then


def test_the_figure_of_the_advice_depends_on_the_chart() -> None:
    two_sizes = Wish(chart=Chart(sizes=("small", "large"), bounds_cm=(104,)))
    found = asked(two_sizes, height_cm=175, sex="male")

    assert found is not None
    assert found.then > 0.8


def test_there_is_no_advice_if_no_fact_would_help() -> None:
    assert asked(height_cm=175, weight_kg=75, sex="male", age=30) is None


def test_age_is_not_suggested_for_a_chest_chart() -> None:
    assert asked(height_cm=175, weight_kg=75, sex="male") is None


def test_sex_is_suggested_if_it_narrows_the_girth_of_the_chart() -> None:
    hips = Wish(chart=Chart(girth=Girth.HIP, sizes=("S", "M", "L", "XL"), bounds_cm=(92, 98, 104)))
    found = asked(hips, height_cm=175, weight_kg=75)

    assert found is not None
    assert found.fact == "sex"


@pytest.mark.parametrize(
    ("share", "words"), [(0.69, "7 in 10"), (0.36, "1 in 3"), (0.61, "6 in 10"), (0.5, "1 in 2"), (0.99, "9 in 10")]
)
def test_shares_are_worded_in_everyday_language(share: float, words: str) -> None:
    assert in_words(share) == words


def test_sex_and_age_are_suggested_once_the_weight_is_known() -> None:
    assert missing(Facts(height_cm=175, weight_kg=75)) == ["sex", "age"]
    assert missing(Facts(height_cm=175, sex=Sex.MALE, age=30)) == ["weight_kg"]
