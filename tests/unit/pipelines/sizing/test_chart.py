from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipelines.sizing.chart import BUILT_IN, LETTERS, MEN, WOMEN, shift_cm, size_of
from schemas.size_charts import Chart, Girth, Measured
from schemas.sizing import Fit


@pytest.mark.parametrize(("chart", "bounds"), [(MEN, (86, 94, 102, 110, 118)), (WOMEN, (82, 90, 98, 107, 119))])
def test_a_bound_belongs_to_the_larger_size(chart: Chart, bounds: tuple[float, ...]) -> None:
    for index, bound in enumerate(bounds):
        assert size_of(chart, bound - 0.001) == LETTERS[index]
        assert size_of(chart, bound) == LETTERS[index + 1]


def test_the_unisex_chart_is_the_mens() -> None:
    assert BUILT_IN["unisex"] == BUILT_IN["men"]


@pytest.mark.parametrize(("fit", "centimetres"), [(Fit.SLIM, -4), (Fit.REGULAR, 0), (Fit.LOOSE, 4)])
def test_a_fit_is_worth_half_a_size(fit: Fit, centimetres: float) -> None:
    assert shift_cm(MEN, fit) == centimetres


def test_a_chart_of_two_sizes_uses_the_default_step() -> None:
    assert shift_cm(Chart(sizes=("small", "large"), bounds_cm=(100,)), Fit.LOOSE) == 4


@pytest.mark.parametrize(("fit", "centimetres"), [(Fit.SLIM, 5), (Fit.REGULAR, 10), (Fit.LOOSE, 15)])
def test_a_garment_chart_is_used_with_the_ease_of_the_requested_fit(fit: Fit, centimetres: float) -> None:
    coat = Chart(sizes=("S", "M", "L"), bounds_cm=(108, 116), measured=Measured.GARMENT, ease_cm=10)
    assert shift_cm(coat, fit) == centimetres


@pytest.mark.parametrize(("fit", "centimetres"), [(Fit.SLIM, -5), (Fit.REGULAR, 0), (Fit.LOOSE, 5)])
def test_a_body_chart_with_a_known_ease_is_shifted_by_half_of_it(fit: Fit, centimetres: float) -> None:
    shirt = Chart(sizes=("S", "M", "L"), bounds_cm=(94, 102), ease_cm=10)
    assert shift_cm(shirt, fit) == centimetres


def test_garment_measures_without_an_ease_are_refused() -> None:
    with pytest.raises(ValidationError, match="needs ease_cm"):
        Chart(sizes=("S", "M"), bounds_cm=(108,), measured=Measured.GARMENT)


def test_a_shops_chart_may_use_another_girth() -> None:
    trousers = Chart(girth=Girth.WAIST, sizes=("30", "32", "34"), bounds_cm=(78.5, 83.5))
    assert size_of(trousers, 80) == "32"


@pytest.mark.parametrize(
    ("sizes", "bounds"),
    [(("S", "M"), (90, 98)), (("S", "S"), (90,)), (("S", "M", "L"), (98, 90)), (("S", "M"), (float("nan"),))],
)
def test_an_inconsistent_chart_is_refused(sizes: tuple[str, ...], bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Chart(sizes=sizes, bounds_cm=bounds)
