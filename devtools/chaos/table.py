"""Result table of a chaos run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.chaos.scenario import ScenarioResult

#: Maximum number of violations that are printed.
SHOWN = 20


def view(data: dict[str, Any], scenarios: Sequence[ScenarioResult], faults: Sequence[str]) -> RenderableType:
    """Return the sums by kind of provider, the injected faults and the violations."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", title="Audit", title_justify="left")
    table.add_column("")
    for scenario in scenarios:
        table.add_column(scenario.name.replace("_", " "), justify="right")
    table.add_column("total", justify="right")
    for key in ("tasks", "terminal", "completed", "failed", "lost", "refunds", "double_refunds", "extra_paid_calls"):
        table.add_row(key.replace("_", " "), *(str(scenario.data()[key]) for scenario in scenarios), str(data[key]))
    table.add_row(
        "  caused by provider faults",
        *(str(scenario.provoked) for scenario in scenarios),
        str(data["provoked_paid_calls"]),
    )
    table.add_row(
        "  while the worker was alive",
        *(str(scenario.workers_alive) for scenario in scenarios), str(data["extra_paid_calls_workers_alive"]),
    )  # fmt: skip
    for key in ("p50", "p95", "max"):
        table.add_row(
            f"recovery {key}, s",
            *(str(scenario.data()["recovery_s"][key]) for scenario in scenarios),
            str(data["recovery_s"][key]),
        )
    struck = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in data["faults"].items())
    reasons = "\n".join(f"{number:5} {escape(reason)}" for reason, number in data["reasons"].items())
    closing = "[green]No violation found.[/]"
    if faults:
        closing = "\n".join(f"[red]{escape(fault)}[/]" for fault in faults[:SHOWN])
        closing += f"\n[red]{len(faults)} violations in total.[/]"
    return Group(
        table, f"Injected faults: {struck}", "Messages of failed tasks:", reasons or "    none failed", closing
    )
