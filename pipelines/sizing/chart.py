"""Size charts. The built-in ones are the letter codes of EN 13402-3, by chest or bust girth in cm."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from schemas.size_charts import Chart, Measured
from schemas.sizing import Fit, Sex

if TYPE_CHECKING:
    from collections.abc import Mapping

LETTERS = ("XS", "S", "M", "L", "XL", "XXL")
MEN = Chart(sizes=LETTERS, bounds_cm=(86, 94, 102, 110, 118))
WOMEN = Chart(sizes=LETTERS, bounds_cm=(82, 90, 98, 107, 119))

#: `unisex` is the men's chart, as is usual in the trade.
BUILT_IN: Mapping[str, Chart] = {"men": MEN, "women": WOMEN, "unisex": MEN}
BY_SEX: Mapping[Sex, str] = {Sex.MALE: "men", Sex.FEMALE: "women", Sex.UNSPECIFIED: "unisex"}

#: Without a known ease, a loose fit takes half a size more than a regular one and a slim fit half a size less.
HALF_SIZES: Mapping[Fit, float] = {Fit.SLIM: -0.5, Fit.REGULAR: 0.0, Fit.LOOSE: 0.5}
#: With a known ease, the share of it that each fit wants.
EASE_SHARES: Mapping[Fit, float] = {Fit.SLIM: 0.5, Fit.REGULAR: 1.0, Fit.LOOSE: 1.5}
#: The step between letter codes, for charts with a single bound, which have no step of their own; cm, EN 13402-3.
USUAL_STEP_CM = 8.0


def size_of(chart: Chart, girth_cm: float) -> str:
    """Return the size whose range holds `girth_cm`; a bound belongs to the larger size."""
    return chart.sizes[bisect_right(chart.bounds_cm, girth_cm)]


def step_cm(chart: Chart) -> float:
    """Return the mean width of the chart's inner sizes, cm."""
    bounds = chart.bounds_cm
    return (bounds[-1] - bounds[0]) / (len(bounds) - 1) if len(bounds) > 1 else USUAL_STEP_CM


def shift_cm(chart: Chart, fit: Fit) -> float:
    """Return what `fit` adds to the body's girth before it is looked up in the chart, cm.

    A garment chart is looked up with the body's girth and the ease that the fit wants. A body chart already includes
    the regular ease: what a fit adds is the difference, or half a size where the ease is unknown.
    """
    if chart.ease_cm is None:
        return HALF_SIZES[fit] * step_cm(chart)
    included = 0.0 if chart.measured is Measured.GARMENT else 1.0
    return (EASE_SHARES[fit] - included) * chart.ease_cm
