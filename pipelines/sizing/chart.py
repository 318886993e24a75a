"""Size charts. The built-in ones are the letter codes of EN 13402-3, by chest or bust girth in cm."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from schemas.sizing import Chart, Fit, Sex

if TYPE_CHECKING:
    from collections.abc import Mapping

LETTERS = ("XS", "S", "M", "L", "XL", "XXL")
MEN = Chart(sizes=LETTERS, bounds_cm=(86, 94, 102, 110, 118))
WOMEN = Chart(sizes=LETTERS, bounds_cm=(82, 90, 98, 107, 119))

#: `unisex` is cut to the men's chart, as is usual in the trade.
BUILT_IN: Mapping[str, Chart] = {"men": MEN, "women": WOMEN, "unisex": MEN}
BY_SEX: Mapping[Sex, str] = {Sex.MALE: "men", Sex.FEMALE: "women", Sex.UNSPECIFIED: "unisex"}

#: A loose fit takes half a size more than a regular one, a slim fit half a size less.
HALF_SIZES: Mapping[Fit, float] = {Fit.SLIM: -0.5, Fit.REGULAR: 0.0, Fit.LOOSE: 0.5}
#: The step between letter codes for charts with a single bound, which show none; cm, EN 13402-3.
USUAL_STEP_CM = 8.0


def size_of(chart: Chart, girth_cm: float) -> str:
    """The size whose range holds `girth_cm`; a bound belongs to the larger size."""
    return chart.sizes[bisect_right(chart.bounds_cm, girth_cm)]


def shift_cm(chart: Chart, fit: Fit) -> float:
    """What `fit` adds to the girth before it is looked up, in cm."""
    bounds = chart.bounds_cm
    step = (bounds[-1] - bounds[0]) / (len(bounds) - 1) if len(bounds) > 1 else USUAL_STEP_CM
    return HALF_SIZES[fit] * step
