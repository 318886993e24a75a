"""`manage.py prune`: delete the rows whose retention has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from actors.retention import make_retention
from commands.connections import records
from commands.outcome import CommandOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.records.retention import DataKind
    from settings import Settings

#: Rows of a kind that a dry run counts at most.
COUNTED = 1_000_000


async def prune(settings: Settings) -> CommandOutcome:
    """Delete all rows whose retention has passed, as the sweep does for some seconds every minute."""
    async with records(settings) as found:
        deleted = await make_retention(settings, found).prune()
    return CommandOutcome(
        {"deleted": {kind.value: number for kind, number in deleted.items()}}, _table(deleted, "deleted")
    )


async def dry_run(settings: Settings) -> CommandOutcome:
    """Count the rows that `prune` would delete, up to `COUNTED` of each kind; change nothing."""
    async with records(settings) as found:
        due = await make_retention(settings, found).prunable(COUNTED)
    return CommandOutcome(
        {"due": {kind.value: number for kind, number in due.items()}, "dry_run": True}, _table(due, "due")
    )


def _table(numbers: Mapping[DataKind, int], heading: str) -> Table:
    table = Table("kind", heading, title="prune", title_justify="left")
    for kind, number in numbers.items():
        more = " or more" if heading == "due" and number == COUNTED else ""
        table.add_row(kind.value, f"{number:,}{more}")
    return table
