"""From facts and a wish to the girth that decides, on its chart. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipelines.sizing.chart import BY_SEX, shift_cm
from pipelines.sizing.errors import UnknownChart
from pipelines.sizing.girths import GirthEstimate, estimate_girth
from schemas.sizing import Chart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.sizing import Facts, Wish

#: How the answer calls a chart that came with the request.
OWN_CHART = "own"


class Choice(NamedTuple):
    """What decides the size: a chart, and the girth on it, with what the fit adds."""

    name: str
    chart: Chart
    girth: GirthEstimate


def choose(facts: Facts, wish: Wish, charts: Mapping[str, Chart]) -> Choice:
    """Find the chart, by sex unless the wish names or brings one, and the girth that it is about.

    Raises:
        UnknownChart: There is no chart of that name.
    """
    name, chart = _chart(facts, wish, charts)
    estimate = estimate_girth(chart.girth, facts)
    return Choice(name, chart, estimate._replace(mean_cm=estimate.mean_cm + shift_cm(chart, wish.fit)))


def _chart(facts: Facts, wish: Wish, charts: Mapping[str, Chart]) -> tuple[str, Chart]:
    if isinstance(wish.chart, Chart):
        return OWN_CHART, wish.chart
    name = wish.chart or BY_SEX[facts.sex]
    if name not in charts:
        raise UnknownChart(charts)
    return name, charts[name]
