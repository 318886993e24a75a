"""The ledger for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.chaos.scenario import Round

#: How many broken rules are spelled out.
SHOWN = 20


def view(data: dict[str, Any], rounds: Sequence[Round], faults: Sequence[str]) -> RenderableType:
    """The sums by kind of provider, what was broken, and what went wrong."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", title="The ledger", title_justify="left")
    table.add_column("")
    for one in rounds:
        table.add_column(one.name.replace("_", " "), justify="right")
    table.add_column("together", justify="right")
    for key in ("tasks", "terminal", "completed", "failed", "lost", "refunds", "double_refunds", "extra_paid_calls"):
        table.add_row(key.replace("_", " "), *(str(one.data()[key]) for one in rounds), str(data[key]))
    table.add_row(
        "  provoked by the provider", *(str(one.provoked) for one in rounds), str(data["provoked_paid_calls"])
    )
    table.add_row(
        "  although the worker was alive",
        *(str(one.workers_alive) for one in rounds), str(data["extra_paid_calls_workers_alive"]),
    )  # fmt: skip
    for key in ("p50", "p95", "max"):
        table.add_row(
            f"recovery {key}, s", *(str(one.data()["recovery_s"][key]) for one in rounds), str(data["recovery_s"][key])
        )
    struck = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in data["faults"].items())
    reasons = "\n".join(f"{number:5} {escape(reason)}" for reason, number in data["reasons"].items())
    closing = "[green]Every rule held.[/]"
    if faults:
        closing = "\n".join(f"[red]{escape(fault)}[/]" for fault in faults[:SHOWN])
        closing += f"\n[red]{len(faults)} broken rules in all.[/]"
    return Group(table, f"Struck: {struck}", "Why tasks failed:", reasons or "    none did", closing)
