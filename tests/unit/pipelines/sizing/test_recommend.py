from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sizing import SizingRefused, UnknownChart, recommend
from pipelines.sizing.chart import BUILT_IN
from providers.pose.fake import standing_pose
from schemas.size_charts import Chart, Girth, WaistLevel
from schemas.sizing import BodyType, Facts, Fit, Sex, SizeAnswer, Wish
from tests.unit.pipelines.sizing.bodies import detection, moved, placed, with_visibility

MAN = Facts(height_cm=175, weight_kg=75, sex=Sex.MALE)
LETTERS = ("XS", "S", "M", "L", "XL", "XXL")


def codes(answer: SizeAnswer) -> list[str]:
    return [warning.code for warning in answer.warnings]


def test_the_answer_has_the_fields_of_the_contract() -> None:
    answer = recommend(detection(), MAN)

    assert answer.recommended_size == "M"
    assert answer.measurements.chest_cm == 99.6
    assert answer.measurements.waist_cm == 86.1
    assert answer.measurements.hip_cm == 96.5
    assert answer.confidence == answer.size_probabilities["M"] == max(answer.size_probabilities.values())
    assert (answer.size_range.lower, answer.size_range.upper) == ("M", "L")
    assert answer.chart == "men"
    assert answer.decided
    assert answer.message.startswith("M, right with a probability of 6")
    assert "navel" in answer.definitions["waist_cm"]
    assert answer.waist_level is None


def test_each_measurement_has_an_interval_around_it() -> None:
    answer = recommend(detection(), MAN)
    for name in ("chest_cm", "waist_cm", "hip_cm", "shoulder_cm"):
        interval = getattr(answer.intervals, name)
        assert interval.lower < getattr(answer.measurements, name) < interval.upper


def test_the_shoulders_are_scaled_by_the_height() -> None:
    small = recommend(detection(), MAN.model_copy(update={"height_cm": 150}))
    tall = recommend(detection(), MAN.model_copy(update={"height_cm": 195}))

    # 0.17 of the picture between the shoulders, 0.735 from ears to ankles.
    assert small.measurements.shoulder_cm == pytest.approx(1.15 * 0.17 * 150 * 0.8837 / 0.735, abs=0.06)
    assert tall.measurements.shoulder_cm == pytest.approx(small.measurements.shoulder_cm * 195 / 150, abs=0.1)


def test_without_a_weight_the_answer_is_a_range_and_an_advice() -> None:
    answer = recommend(detection(), Facts(height_cm=175, sex=Sex.MALE))
    lower, upper = answer.size_range.lower, answer.size_range.upper

    assert answer.confidence < 0.4
    assert not answer.decided
    assert answer.recommended_size in LETTERS
    assert answer.message == f"Between {lower} and {upper}. Your weight makes it right for 6 in 10."
    assert "WEIGHT_UNKNOWN" in codes(answer)
    assert answer.improve is not None
    assert answer.improve.fact == "weight_kg"


@pytest.mark.parametrize(
    ("facts", "used"),
    [
        ({}, ("photo", "height_cm")),
        ({"weight_kg": 75, "build": 3}, ("photo", "height_cm", "weight_kg")),
        ({"build": 3, "sex": "female", "age": 30}, ("photo", "height_cm", "build", "sex", "age")),
        ({"age": 30, "weight_kg": 75}, ("photo", "height_cm", "weight_kg")),
    ],
)
def test_the_answer_lists_the_facts_used(facts: dict[str, object], used: tuple[str, ...]) -> None:
    assert recommend(detection(), Facts.model_validate({"height_cm": 175, **facts})).used == used


def test_the_chart_depends_on_the_sex_unless_one_is_selected() -> None:
    woman = Facts(height_cm=165, weight_kg=60, sex=Sex.FEMALE)

    assert recommend(detection(), woman).chart == "women"
    assert recommend(detection(), woman, Wish(chart="men")).chart == "men"
    assert recommend(detection(), Facts(height_cm=170, weight_kg=70)).chart == "unisex"


def test_a_shop_can_send_its_chart() -> None:
    trousers = Chart(girth=Girth.WAIST, sizes=("30", "32", "34", "36"), bounds_cm=(79, 84, 89))

    assert recommend(detection(), MAN, Wish(chart=trousers)).recommended_size == "34"
    assert recommend(detection(), MAN, Wish(chart="jeans"), {**BUILT_IN, "jeans": trousers}).chart == "jeans"


def test_a_waist_at_the_narrowest_part_is_smaller_than_at_the_navel() -> None:
    bounds = {"girth": Girth.WAIST, "sizes": ("30", "32", "34", "36"), "bounds_cm": (79, 84, 89)}
    navel = recommend(detection(), MAN, Wish(chart=Chart(**bounds)))
    narrowest = recommend(detection(), MAN, Wish(chart=Chart(**bounds, waist_level=WaistLevel.NARROWEST)))

    assert (navel.recommended_size, navel.waist_level) == ("34", WaistLevel.NAVEL)
    assert (narrowest.recommended_size, narrowest.waist_level) == ("32", WaistLevel.NARROWEST)
    assert navel.measurements == narrowest.measurements


def test_returns_of_a_shop_shift_the_size() -> None:
    assert recommend(detection(), MAN, feedback_shift_cm=4).recommended_size == "L"
    assert recommend(detection(), MAN, feedback_shift_cm=4).feedback_shift_cm == 4


def test_the_error_of_an_unknown_chart_lists_the_known_ones() -> None:
    with pytest.raises(UnknownChart) as refusal:
        recommend(detection(), MAN, Wish(chart="hats"))
    assert "men, unisex, women" in refusal.value.public_message


def test_a_loose_fit_increases_and_a_slim_fit_decreases_the_size() -> None:
    between = Facts(height_cm=175, weight_kg=78, sex=Sex.MALE)
    sizes = [recommend(detection(), between, Wish(fit=fit)).recommended_size for fit in (Fit.SLIM, Fit.LOOSE)]

    assert sizes == ["M", "L"]
    assert (
        recommend(detection(), between, Wish(fit=Fit.LOOSE)).measurements
        == recommend(detection(), between).measurements
    )


@pytest.mark.parametrize(
    ("weight", "figure"),
    [(55, BodyType.SLIM), (75, BodyType.ATHLETIC), (83, BodyType.AVERAGE), (100, BodyType.BROAD)],
)
def test_the_body_type_comes_from_the_girths(weight: float, figure: BodyType) -> None:
    assert recommend(detection(), MAN.model_copy(update={"weight_kg": weight})).body_type is figure


def test_raised_arms_are_noted() -> None:
    raised = placed(standing_pose(), m13=(0.62, 0.12), m14=(0.38, 0.12))

    assert codes(recommend(detection(raised), MAN)) == ["ARMS_RAISED"]
    assert codes(recommend(detection(), MAN)) == []


def test_a_second_smaller_figure_is_noted_and_not_measured() -> None:
    poster = moved(standing_pose(), lambda mark: (0.85 + 0.3 * (mark.x - 0.5), 0.5 + 0.3 * (mark.y - 0.5)))
    answer = recommend(detection(standing_pose(), poster), MAN)

    assert codes(answer) == ["ANOTHER_FIGURE"]
    assert answer.measurements == recommend(detection(), MAN).measurements


def test_a_hardly_visible_joint_or_a_small_person_is_noted() -> None:
    assert codes(recommend(detection(with_visibility(standing_pose(), 27, 0.7)), MAN)) == ["LOW_QUALITY"]
    assert codes(recommend(detection(width=350, height=350), MAN)) == ["LOW_QUALITY"]


@pytest.mark.parametrize(
    "facts",
    [
        {"height_cm": 196, "sex": "male"},
        {"height_cm": 149, "sex": "male"},
        {"height_cm": 181, "sex": "female"},
        {"height_cm": 144},
        {"height_cm": 170, "age": 12},
    ],
)
def test_people_outside_the_survey_are_noted(facts: dict[str, object]) -> None:
    assert codes(recommend(detection(), Facts.model_validate({"weight_kg": 60, **facts}))) == ["EXTRAPOLATED"]


@given(
    height=st.floats(140, 210),
    weight=st.none() | st.floats(35, 180),
    build=st.none() | st.integers(1, 5),
    sex=st.sampled_from(Sex),
    age=st.none() | st.integers(1, 120),
    fit=st.sampled_from(Fit),
)
def test_every_answer_is_finite_and_sums_to_one(  # noqa: PLR0913, PLR0917 - a parameter per fact
    height: float, weight: float | None, build: int | None, sex: Sex, age: int | None, fit: Fit
) -> None:
    facts = Facts(height_cm=height, weight_kg=weight, build=build, sex=sex, age=age)
    try:
        answer = recommend(detection(), facts, Wish(fit=fit))
    except SizingRefused as refusal:
        assert refusal.gate == "WEIGHT_OUT_OF_RANGE"  # noqa: PT017 - some combinations are
        return
    assert sum(answer.size_probabilities.values()) == pytest.approx(1, abs=1e-9)
    assert all(math.isfinite(value) for value in answer.measurements.model_dump().values())
    assert 1 / 6 <= answer.confidence <= 1
    assert answer.decided is (answer.confidence >= 0.4)
    assert LETTERS.index(answer.size_range.lower) <= LETTERS.index(answer.recommended_size)
    assert LETTERS.index(answer.recommended_size) <= LETTERS.index(answer.size_range.upper)


@given(height=st.floats(160, 190), bmi=st.floats(16, 40), more=st.floats(0, 9), sex=st.sampled_from(Sex))
def test_a_heavier_person_never_gets_a_smaller_size(height: float, bmi: float, more: float, sex: Sex) -> None:
    light, heavy = (
        recommend(detection(), Facts(height_cm=height, weight_kg=index * (height / 100) ** 2, sex=sex))
        for index in (bmi, bmi + more)
    )

    assert LETTERS.index(light.recommended_size) <= LETTERS.index(heavy.recommended_size)
