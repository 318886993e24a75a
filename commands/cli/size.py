"""`manage.py size …`."""

# ruff: noqa: PLC0415  each command imports only what it needs
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.cli.layout import command, group
from commands.cli.running import Json, run, run_async

app = group("Import shops' size charts, and show what their returns say.")


@command(app, "size import-charts charts.csv", name="import-charts")
def import_charts(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="Charts by brand and garment, one line per size.")],
    *,
    as_json: Json = False,
) -> None:
    """Write the charts of a CSV file into DATA_DIR/charts."""
    from commands.size_charts import import_charts as run_import

    run(lambda settings: run_import(settings, file), as_json=as_json)


@command(app, "size charts")
def charts(*, as_json: Json = False) -> None:
    """List the size charts that requests can name."""
    from commands.size_charts import list_charts

    run(list_charts, as_json=as_json)


@command(app, "size feedback", "size feedback --store shop-1")
def feedback(
    store: Annotated[str | None, typer.Option(metavar="ID", help="One store.")] = None, *, as_json: Json = False
) -> None:
    """Show the size feedback of stores and the correction that it leads to."""
    from commands.size_feedback import size_feedback

    run_async(lambda settings: size_feedback(settings, store), as_json=as_json)
