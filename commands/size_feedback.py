"""`manage.py size feedback`: what shops reported, and the correction that it leads to."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rich.table import Table

from commands.connections import records
from commands.outcome import CommandOutcome
from pipelines.sizing.chart import USUAL_STEP_CM, step_cm
from pipelines.sizing.feedback import FeedbackCounts, learned_shift_cm
from pipelines.sizing.shop_charts import read_charts

if TYPE_CHECKING:
    from typing import Any

    from settings import Settings

_COLUMNS = ("store_id", "chart", "kept", "too_small", "too_large", "shift_cm")


async def size_feedback(settings: Settings, store_id: str | None) -> CommandOutcome:
    """Show the answers of all stores, or of one, by chart."""
    charts = read_charts(settings.data_dir / "charts")
    async with records(settings) as found:
        rows = await found.size_feedback.counts(store_id)
    groups: dict[tuple[str, str], list[FeedbackCounts]] = defaultdict(list)
    for row in rows:
        groups[row.store_id, row.chart].append(FeedbackCounts(row.shift_cm, row.kept, row.too_small, row.too_large))
    listed = []
    for (store, name), counts in groups.items():
        step = step_cm(charts[name]) if name in charts else USUAL_STEP_CM
        listed.append(_row(store, name, counts, step))
    table = Table(title="Size feedback; shift_cm is added to the girth", box=None)
    for heading in _COLUMNS:
        table.add_column(heading)
    for item in listed:
        table.add_row(*(str(item[column]) for column in _COLUMNS))
    return CommandOutcome({"feedback": listed}, table if listed else "No size feedback was reported.")


def _row(store: str, chart: str, counts: list[FeedbackCounts], step: float) -> dict[str, Any]:
    return {
        "store_id": store,
        "chart": chart,
        "kept": sum(group.kept for group in counts),
        "too_small": sum(group.too_small for group in counts),
        "too_large": sum(group.too_large for group in counts),
        "shift_cm": learned_shift_cm(counts, step),
    }
