"""`manage.py size charts` and `manage.py size import-charts`: the size charts in `DATA_DIR/charts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from commands.outcome import CommandError, CommandOutcome
from pipelines.sizing.chart_csv import ChartCsvError, parse_chart_csv
from pipelines.sizing.shop_charts import read_charts, write_charts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.size_charts import Chart
    from settings import Settings


def import_charts(settings: Settings, file: Path) -> CommandOutcome:
    """Write the charts of a CSV file into `DATA_DIR/charts`; running HTTP services use them after a restart.

    Raises:
        CommandError: The file can't be read, or is no chart.
    """
    try:
        charts = parse_chart_csv(file.read_text(encoding="utf-8-sig"))
        write_charts(settings.data_dir / "charts", charts)
    except ChartCsvError as error:
        raise CommandError(error.public_message) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} can't be imported as a size chart.") from error
    return CommandOutcome({"imported": list(charts)}, _table(charts, "Imported; restart the HTTP service to use them"))


def list_charts(settings: Settings) -> CommandOutcome:
    """List the built-in charts and those of `DATA_DIR/charts`."""
    charts = read_charts(settings.data_dir / "charts")
    data = {name: chart.model_dump(mode="json", exclude_none=True) for name, chart in charts.items()}
    return CommandOutcome({"charts": data}, _table(charts, "Size charts"))


def _table(charts: Mapping[str, Chart], title: str) -> Table:
    table = Table(title=title, box=None)
    for heading in ("name", "girth", "measured", "ease, cm", "sizes"):
        table.add_column(heading)
    for name, chart in charts.items():
        ease = "" if chart.ease_cm is None else f"{chart.ease_cm:g}"
        table.add_row(name, chart.girth.value, chart.measured.value, ease, " ".join(chart.sizes))
    return table
