from __future__ import annotations

import itertools
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sizing.belief import Belief
from pipelines.sizing.chart import LETTERS, MEN, WOMEN, size_of
from pipelines.sizing.probabilities import interval, most_probable, size_probabilities, size_range
from schemas.size_charts import Chart

CHARTS = st.sampled_from([MEN, WOMEN])
MEANS = st.floats(60, 150)
SPREADS = st.floats(0.5, 15)


def normal(mean: float, deviation: float) -> Belief:
    """Return a belief with one component."""
    return Belief((NormalDist(mean, deviation),), (1.0,))


@given(chart=CHARTS, mean=MEANS, spread=SPREADS)
def test_probabilities_sum_to_one(chart: Chart, mean: float, spread: float) -> None:
    probabilities = size_probabilities(chart, normal(mean, spread))

    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-12)
    assert all(0 <= share <= 1 for share in probabilities.values())


@given(chart=CHARTS, mean=MEANS, spread=SPREADS, step=st.floats(0, 10))
def test_a_larger_girth_never_means_a_smaller_size(chart: Chart, mean: float, spread: float, step: float) -> None:
    sizes = []
    for girth in (mean, mean + step):
        probabilities = size_probabilities(chart, normal(girth, spread))
        sizes.append(LETTERS.index(most_probable(chart, probabilities, girth)))

    assert sizes[0] <= sizes[1]


@given(chart=CHARTS, mean=MEANS, spread=SPREADS)
def test_the_range_covers_four_fifths_and_contains_the_recommended_size(
    chart: Chart, mean: float, spread: float
) -> None:
    probabilities = size_probabilities(chart, normal(mean, spread))
    size = most_probable(chart, probabilities, mean)
    reach = size_range(chart.sizes, probabilities, size)
    low, high = LETTERS.index(reach.lower), LETTERS.index(reach.upper)

    assert low <= LETTERS.index(size) <= high
    assert sum(probabilities[name] for name in LETTERS[low : high + 1]) >= 0.8 - 1e-9


def test_the_range_is_the_narrowest_possible() -> None:
    probabilities = size_probabilities(MEN, normal(98, 1))
    assert size_range(MEN.sizes, probabilities, "M").model_dump() == {"lower": "M", "upper": "M"}


@pytest.mark.parametrize("bound", [94, 102, 110])
def test_between_two_equally_probable_sizes_the_chart_decides(bound: float) -> None:
    probabilities = size_probabilities(MEN, normal(bound, 3))
    assert most_probable(MEN, probabilities, bound) == size_of(MEN, bound)


def test_the_most_probable_size_is_chosen_over_the_one_containing_the_mean() -> None:
    probabilities = size_probabilities(MEN, normal(90, 12))

    assert size_of(MEN, 90) == "S"
    assert most_probable(MEN, probabilities, 90) == "XS"


def test_the_probabilities_are_continuous_in_the_girth() -> None:
    girths = [60 + index / 100 for index in range(9000)]
    shares = [tuple(size_probabilities(MEN, normal(girth, 3.65)).values()) for girth in girths]

    assert max(abs(a - b) for one, two in itertools.pairwise(shares) for a, b in zip(one, two, strict=True)) < 0.002


def test_an_interval_covers_four_fifths() -> None:
    low, high = interval(normal(100, 5))
    assert normal(100, 5).cdf(high) - normal(100, 5).cdf(low) == pytest.approx(0.8)
