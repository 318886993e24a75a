"""The size recommendation: a pure function of landmarks and facts.

The photo proves that one whole, upright, frontal person is there, and gives the scale and the shoulders. The size comes
from height, weight (or build), sex and age: a circumference can't be seen from the front, and joint distances times a
constant are wrong by 16 to 36 cm. What is unknown widens the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipelines.sizing.belief import Belief
from pipelines.sizing.body_type import body_type
from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.doubts import doubts
from pipelines.sizing.gates import check_photo
from pipelines.sizing.girths import estimate_girths, uses_age, widened_for_civilians
from pipelines.sizing.improve import improvement
from pipelines.sizing.limits import check_facts
from pipelines.sizing.populations import DEFAULT, Population
from pipelines.sizing.probabilities import (
    DECIDED_FROM,
    LEVEL,
    interval,
    most_probable,
    size_probabilities,
    size_range,
)
from pipelines.sizing.scale import shoulder_cm
from pipelines.sizing.sizes import choose, find_chart
from schemas.size_charts import GIRTH_DEFINITIONS, Girth
from schemas.sizing import Interval, Intervals, LandmarkPoint, Measurements, Sex, SizeAnswer, SizeRange, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sizing.joints import Body
    from providers.pose.base import Detection
    from schemas.size_charts import Chart
    from schemas.sizing import Facts, Improvement


class ProbableSize(NamedTuple):
    """The size for stated facts, without a photo."""

    size: str
    confidence: float
    size_range: SizeRange
    probabilities: dict[str, float]
    decided: bool


def recommend(  # noqa: PLR0913  everything that a size depends on
    detection: Detection,
    facts: Facts,
    wish: Wish | None = None,
    charts: Mapping[str, Chart] = BUILT_IN,
    *,
    population: Population = DEFAULT,
    feedback_shift_cm: float = 0.0,
) -> SizeAnswer:
    """Recommend a size for the person in the picture.

    Args:
        detection: The poses that were found.
        facts: Centimetres, kilograms, years.
        wish: The chart and the fit; the chart of the sex and a regular fit if absent.
        charts: The charts that can be named.
        population: The distribution of body mass index where the weight is unknown.
        feedback_shift_cm: Correction learned from the shop's returns, added to the girth.

    Raises:
        SizingRefused: The facts or the photo don't pass a gate.
        UnknownChart: There is no chart of that name.
    """
    wish = wish or Wish()
    check_asked(facts, wish, charts)
    photo = check_photo(detection)
    name, chart = find_chart(facts, wish, charts)
    sized = size_for(facts, wish, charts, population=population, feedback_shift_cm=feedback_shift_cm)
    girths = estimate_girths(facts, population)
    beliefs = {f"{girth}_cm": widened_for_civilians(girths[girth], girth, facts.sex) for girth in Girth}
    shoulder = shoulder_cm(photo.body, facts.height_cm, facts.sex)
    beliefs["shoulder_cm"] = Belief((shoulder,), (1.0,))
    improve = improvement(facts, wish, charts, population)
    return SizeAnswer(
        recommended_size=sized.size,
        decided=sized.decided,
        message=_message(sized, improve),
        confidence=sized.confidence,
        size_range=sized.size_range,
        size_probabilities=sized.probabilities,
        measurements=Measurements(**{name: round(belief.mean, 1) for name, belief in beliefs.items()}),
        intervals=Intervals(**{name: _interval(belief) for name, belief in beliefs.items()}),
        interval_level=LEVEL,
        definitions={f"{girth}_cm": text for girth, text in GIRTH_DEFINITIONS.items()},
        body_type=body_type(girths[Girth.CHEST].mean, girths[Girth.WAIST].mean, facts.height_cm),
        chart=name,
        waist_level=chart.waist_level if chart.girth is Girth.WAIST else None,
        fit=wish.fit,
        warnings=doubts(photo, facts),
        used=used(facts),
        improve=improve,
        feedback_shift_cm=round(feedback_shift_cm, 1),
        landmarks=_landmarks(photo.body),
    )


def check_asked(facts: Facts, wish: Wish, charts: Mapping[str, Chart]) -> None:
    """Check what needs no picture.

    Raises:
        SizingRefused: A fact is out of range.
        UnknownChart: There is no chart of that name.
    """
    check_facts(facts)
    find_chart(facts, wish, charts)


def size_for(
    facts: Facts,
    wish: Wish,
    charts: Mapping[str, Chart] = BUILT_IN,
    *,
    population: Population = DEFAULT,
    feedback_shift_cm: float = 0.0,
) -> ProbableSize:
    """Return the most probable size for these facts, its probability and the range.

    Raises:
        UnknownChart: There is no chart of that name.
    """
    _, chart, estimate = choose(facts, wish, charts, population)
    girth = estimate.shifted(feedback_shift_cm)
    probabilities = size_probabilities(chart, girth)
    size = most_probable(chart, probabilities, girth.mean)
    confidence = min(max(probabilities[size], 0.0), 1.0)
    reach = size_range(chart.sizes, probabilities, size)
    return ProbableSize(size, confidence, reach, probabilities, confidence >= DECIDED_FROM)


def used(facts: Facts) -> tuple[str, ...]:
    """Return the facts that changed the answer; a build beside a weight, or an unused age, did not."""
    changed = {
        "photo": True,
        "height_cm": True,
        "weight_kg": facts.weight_kg is not None,
        "build": facts.build is not None and facts.weight_kg is None,
        "sex": facts.sex is not Sex.UNSPECIFIED,
        "age": uses_age(facts),
    }
    return tuple(name for name, changes in changed.items() if changes)


def _message(sized: ProbableSize, improve: Improvement | None) -> str:
    lower, upper = sized.size_range.lower, sized.size_range.upper
    if sized.decided:
        answer = f"{sized.size}, right with a probability of {sized.confidence:.0%}."
    else:
        answer = f"Between {lower} and {upper}."
    return f"{answer} {improve.message}" if improve and not sized.decided else answer


def _landmarks(body: Body) -> tuple[LandmarkPoint, ...]:
    return tuple(LandmarkPoint(**mark._asdict()) for mark in body.pose.image)


def _interval(belief: Belief) -> Interval:
    lower, upper = interval(belief)
    return Interval(lower=round(lower, 1), upper=round(upper, 1))
