"""From facts and a wish to the deciding girth, and the chart that it is looked up in. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipelines.sizing.chart import BY_SEX, shift_cm
from pipelines.sizing.coefficients import NARROWEST_WAIST_OFFSET_CM
from pipelines.sizing.errors import UnknownChart
from pipelines.sizing.girths import estimate_girth
from pipelines.sizing.populations import DEFAULT, Population
from schemas.size_charts import Chart, Girth, WaistLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sizing.belief import Belief
    from schemas.sizing import Facts, Wish

#: Name in the answer of a chart that came with the request.
OWN_CHART = "own"


class Choice(NamedTuple):
    """A chart, and the deciding girth in its terms: at its waist level, with the ease of the fit."""

    name: str
    chart: Chart
    girth: Belief


def choose(facts: Facts, wish: Wish, charts: Mapping[str, Chart], population: Population = DEFAULT) -> Choice:
    """Find the chart, by sex unless the wish names or brings one, and estimate the girth that it asks for.

    Raises:
        UnknownChart: There is no chart of that name.
    """
    name, chart = find_chart(facts, wish, charts)
    girth = estimate_girth(chart.girth, facts, population)
    return Choice(name, chart, girth.shifted(shift_cm(chart, wish.fit) - _waist_offset_cm(chart, facts)))


def find_chart(facts: Facts, wish: Wish, charts: Mapping[str, Chart]) -> tuple[str, Chart]:
    """Return the chart and its name in the answer.

    Raises:
        UnknownChart: There is no chart of that name.
    """
    if isinstance(wish.chart, Chart):
        return OWN_CHART, wish.chart
    name = wish.chart or BY_SEX[facts.sex]
    if name not in charts:
        raise UnknownChart(charts)
    return name, charts[name]


def _waist_offset_cm(chart: Chart, facts: Facts) -> float:
    narrowest = chart.girth is Girth.WAIST and chart.waist_level is WaistLevel.NARROWEST
    return NARROWEST_WAIST_OFFSET_CM[facts.sex] if narrowest else 0.0
