"""The size recommendation: a pure function of landmarks and facts.

The photo proves that one whole, upright, frontal person is there, and gives the scale and the shoulders. The size comes
from height, weight (or build), sex and age: a circumference can't be seen from the front, and joint distances times a
constant are wrong by 16 to 36 cm. What is not known makes the answer wider, not wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sizing.body_type import body_type
from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.doubts import doubts
from pipelines.sizing.gates import check_photo
from pipelines.sizing.girths import estimate_girths, uses_age
from pipelines.sizing.improve import improvement
from pipelines.sizing.limits import check_facts
from pipelines.sizing.probabilities import LEVEL, interval, most_probable, size_probabilities, size_range
from pipelines.sizing.scale import shoulder_cm
from pipelines.sizing.sizes import choose
from schemas.sizing import Girth, Interval, Intervals, LandmarkPoint, Measurements, Sex, SizeAnswer, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping
    from statistics import NormalDist

    from pipelines.sizing.joints import Body
    from providers.pose.base import Detection
    from schemas.sizing import Chart, Facts


def recommend(
    detection: Detection, facts: Facts, wish: Wish | None = None, charts: Mapping[str, Chart] = BUILT_IN
) -> SizeAnswer:
    """The size of the person in the picture.

    Args:
        detection: What the pose model found.
        facts: Centimetres, kilograms, years.
        wish: The chart and the fit; the chart of the sex and a regular fit unless given.
        charts: The charts that can be named.

    Raises:
        SizingRefused: The facts or the photo don't pass a gate.
        UnknownChart: There is no chart of that name.
    """
    wish = wish or Wish()
    check_asked(facts, wish, charts)
    return _answer(check_photo(detection), facts, wish, charts)


def check_asked(facts: Facts, wish: Wish, charts: Mapping[str, Chart]) -> None:
    """What can be refused before there is a picture.

    Raises:
        SizingRefused: A fact is out of range.
        UnknownChart: There is no chart of that name.
    """
    check_facts(facts)
    choose(facts, wish, charts)


def _answer(body: Body, facts: Facts, wish: Wish, charts: Mapping[str, Chart]) -> SizeAnswer:
    name, chart, girth = choose(facts, wish, charts)
    probabilities = size_probabilities(chart, girth.believed)
    size = most_probable(chart, probabilities, girth.mean_cm)
    girths = estimate_girths(facts)
    believed = {f"{girth}_cm": estimate.believed for girth, estimate in girths.items()}
    believed["shoulder_cm"] = shoulder_cm(body, facts.height_cm, facts.sex)
    return SizeAnswer(
        recommended_size=size,
        confidence=min(max(probabilities[size], 0.0), 1.0),
        size_range=size_range(chart.sizes, probabilities, size),
        size_probabilities=probabilities,
        measurements=Measurements(**{name: round(dist.mean, 1) for name, dist in believed.items()}),
        intervals=Intervals(**{name: _interval(dist) for name, dist in believed.items()}),
        interval_level=LEVEL,
        body_type=body_type(girths[Girth.CHEST].mean_cm, girths[Girth.WAIST].mean_cm, facts.height_cm),
        chart=name,
        fit=wish.fit,
        warnings=doubts(body, facts),
        used=used(facts),
        improve=improvement(facts, wish, charts),
        landmarks=tuple(LandmarkPoint(**mark._asdict()) for mark in body.pose.image),
    )


def used(facts: Facts) -> tuple[str, ...]:
    """The facts that went in; a build beside a weight, or an age that no regression takes, did not."""
    went_in = {
        "photo": True,
        "height_cm": True,
        "weight_kg": facts.weight_kg is not None,
        "build": facts.build is not None and facts.weight_kg is None,
        "sex": facts.sex is not Sex.UNSPECIFIED,
        "age": uses_age(facts),
    }
    return tuple(name for name, went in went_in.items() if went)


def _interval(dist: NormalDist) -> Interval:
    lower, upper = interval(dist)
    return Interval(lower=round(lower, 1), upper=round(upper, 1))
