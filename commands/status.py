"""`manage.py status`: how many jobs there are, the newest of them, or one in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from commands.connections import records, redis_client
from commands.outcome import CommandError, Outcome, json_text
from providers.progress import ProgressLog
from schemas.common import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.records import JobRow
    from settings import Settings

COLOURS = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan", "waiting": "dim"}


async def status_of(settings: Settings, task_id: str) -> Outcome:
    """One task: its row, and its latest progress event.

    Raises:
        CommandError: There is no such task.
    """
    async with records(settings) as found:
        row = await found.job(task_id)
    if row is None:
        raise CommandError(f"There is no task {task_id}.")
    async with redis_client(settings) as client:
        latest = await ProgressLog(client, ttl_s=settings.progress_ttl_s).latest(task_id)
    # What was asked for and what came of it is the user's: links and prompts stay out of terminals and their logs.
    data = row.model_dump(mode="json", exclude={"payload", "journal", "outcome"}, exclude_none=True)
    data["progress"] = latest.model_dump(mode="json", exclude={"result_urls"}, exclude_none=True) if latest else None
    return Outcome(data, json_text(data))


def chosen_state(word: str | None) -> JobState | None:
    """The state called `word`.

    Raises:
        CommandError: There is no such state.
    """
    if word is None:
        return None
    if word not in set(JobState):
        raise CommandError(f"A job is {', '.join(JobState)}; never {word}.")
    return JobState(word)


async def status(settings: Settings, *, state: JobState | None, limit: int) -> Outcome:
    """How many jobs there are in each state, and the newest `limit` of them."""
    async with records(settings) as found:
        counts = await found.counts()
        rows = await found.list(state=state, limit=limit)
    data = {"counts": counts, "jobs": [_brief(row) for row in rows]}
    return Outcome(data, Group(_totals(counts), table(rows)))


def table(rows: Sequence[JobRow]) -> Table:
    """The jobs, a line each."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("task", no_wrap=True)
    for heading in ("product", "state", "run", "created", "why"):
        made.add_column(heading)
    for row in rows:
        why = escape(str(row.failure["message"])) if row.failure else ""
        state = f"[{COLOURS[row.state.value]}]{row.state.value}[/]"
        made.add_row(row.task_id, row.product.value, state, str(row.run), f"{row.created_at:%m-%d %H:%M}", why)
    return made


def _totals(counts: dict[str, float]) -> str:
    return "   ".join(f"{name.replace('_', ' ')} [bold]{count:g}[/]" for name, count in counts.items())


def _brief(row: JobRow) -> dict[str, Any]:
    fields = {"task_id", "session_id", "product", "owner_id", "state", "run", "created_at", "finished_at", "failure"}
    return row.model_dump(mode="json", include=fields, exclude_none=True)
