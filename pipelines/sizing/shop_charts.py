"""A shop's own size charts: one JSON file each, named after the chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipelines.sizing.chart import BUILT_IN
from schemas.errors import Invalid
from schemas.size_charts import Chart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_charts(folder: Path) -> dict[str, Chart]:
    """Return the built-in charts and those of `folder`, which may replace them; the folder may be missing.

    A file `jeans.json` holds `{"girth": "waist", "sizes": ["30", "32", "34"], "bounds_cm": [78.5, 83.5]}`.

    Raises:
        Invalid: Files are no charts; the message names all of them.
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


def write_charts(folder: Path, charts: Mapping[str, Chart]) -> None:
    """Write each chart to a file of its name, replacing an earlier one.

    Raises:
        OSError: The folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        path = folder / f"{name}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(chart.model_dump_json(indent=2, exclude_defaults=True) + "\n", encoding="utf-8")
        partial.replace(path)
