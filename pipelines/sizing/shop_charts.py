"""A shop's own size charts: one JSON file each, named after the chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipelines.sizing.chart import BUILT_IN
from schemas.errors import Invalid
from schemas.sizing import Chart

if TYPE_CHECKING:
    from pathlib import Path


def read_charts(folder: Path) -> dict[str, Chart]:
    """The built-in charts and those of `folder`, which may replace them; no folder, no further charts.

    A file `jeans.json` holds `{"girth": "waist", "sizes": ["30", "32", "34"], "bounds_cm": [78.5, 83.5]}`.

    Raises:
        Invalid: Naming every file that is no chart.
    """
    charts, faulty = dict(BUILT_IN), []
    for path in sorted(folder.glob("*.json")):
        try:
            charts[path.stem] = Chart.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            faulty.append(path.name)
    if faulty:
        raise Invalid(f"no usable size charts: {', '.join(faulty)}", code="size_chart")
    return charts
