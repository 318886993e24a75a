"""The figures as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table

from devtools.bench.baseline import change
from devtools.bench.targets import measured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def view(data: Mapping[str, Any], before: Mapping[str, Any], index: Path | None) -> Group:
    """Return every figure with its target and with the baseline's figure."""
    table = Table("measurement", "target", title="Darkroom's own cost", title_justify="left")
    table.add_column("measured", justify="right")
    table.add_column("")
    if before:
        table.add_column("baseline", justify="right")
        table.add_column("change", justify="right")
    for target, figure in measured(data):
        mark = "" if target.bound is None else "[green]✓[/green]" if target.met(figure) else "[red]✗[/red]"
        earlier = target.figure(before)
        compared = ["" if earlier is None else f"{earlier:,g}", change(figure, earlier)] if before else []
        table.add_row(target.label, target.wanted, f"{figure:,g}", mark, *compared)
    return Group(table, f"Plots: {index}") if index else Group(table)


def of_cases(cases: Mapping[str, Mapping[str, float]]) -> Table:
    """Return a table with one row per case."""
    columns = list(next(iter(cases.values())))
    table = Table("picture", *(name.replace("_", " ") for name in columns))
    for name, figures in cases.items():
        table.add_row(name.replace("_", " "), *(f"{figures[column]:g}" for column in columns))
    return table
