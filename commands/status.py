"""`manage.py status`: show the number of jobs, the newest jobs, or one task in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from commands.connections import records, redis_client
from commands.dead_letters import described
from commands.outcome import CommandError, CommandOutcome, json_text
from commands.reachable import UnreachableError
from providers.progress import ProgressLog
from schemas.common import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from providers.records import Records
    from schemas.records import DeadLetter, JobRow
    from settings import Settings

COLOURS = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan", "waiting": "dim"}
#: Indentation of the second line of a job, columns.
INDENT = 11


async def status_of(settings: Settings, identifier: str) -> CommandOutcome:
    """Show the row, latest progress event and dead letters of a task, found by its id or its session's.

    If Redis is unreachable, `progress_error` replaces the progress event.

    Raises:
        CommandError: There is no job and no dead letter with this id.
    """
    async with records(settings) as found:
        row = await _job(found, identifier)
        letters = await found.dead_letters_of(row.task_id if row else identifier)
    if row is None:
        return _refused_task(identifier, letters)
    # Prompts and links belong to the user: keep them out of terminals and their logs.
    data = row.model_dump(mode="json", exclude={"payload", "journal", "outcome"}, exclude_none=True)
    try:
        async with redis_client(settings) as client:
            latest = await ProgressLog(client, ttl_s=settings.progress_ttl_s).latest(row.task_id)
    except UnreachableError as error:
        # The row is complete without progress.
        data |= {"progress": None, "progress_error": str(error)}
    else:
        event = latest.model_dump(mode="json", exclude={"result_urls"}, exclude_none=True) if latest else None
        data["progress"] = event
    if letters:
        data["dead_letters"] = [described(letter) for letter in letters]
    return CommandOutcome(data, json_text(data))


def chosen_state(word: str | None) -> JobState | None:
    """Parse the name of a state.

    Raises:
        CommandError: The state is unknown.
    """
    if word is None:
        return None
    if word not in set(JobState):
        raise CommandError(f"Unknown state '{word}'; choose one of {', '.join(JobState)}.")
    return JobState(word)


async def status(settings: Settings, *, state: JobState | None, limit: int) -> CommandOutcome:
    """Show the number of jobs in each state and the newest `limit` jobs."""
    async with records(settings) as found:
        counts = await found.job_counts()
        rows = await found.recent(state=state, limit=limit)
    data = {"counts": counts, "jobs": [_brief(row) for row in rows]}
    return CommandOutcome(data, Group(_totals(counts), *_lines(rows)))


async def _job(found: Records, identifier: str) -> JobRow | None:
    if row := await found.job(identifier):
        return row
    rows = await found.jobs_of_session(identifier)
    return rows[0] if rows else None


def _refused_task(identifier: str, letters: Sequence[DeadLetter]) -> CommandOutcome:
    if not letters:
        raise CommandError(f"There is no task {identifier}.")
    data = {"task_id": letters[0].task_id, "state": "refused", "dead_letters": [described(item) for item in letters]}
    return CommandOutcome(data, json_text(data))


def _lines(rows: Sequence[JobRow]) -> Iterator[RenderableType]:
    """Yield a line of at most 80 columns for each job, and a second line for its failure."""
    if rows:
        yield ""
    for row in rows:
        facts = f"{row.product.value:8} {row.created_at:%m-%d %H:%M}  {row.task_id}"
        run = f"  run {row.run}" if row.run > 1 else ""
        state = (f"{row.state.value:{INDENT}}", COLOURS[row.state.value])
        yield Text.assemble(state, facts, run, no_wrap=True, overflow="ignore")
        message = str(row.failure["message"]) if row.failure else ""
        if message and message.lower() != row.state.value:
            yield Padding(Text(message), (0, 0, 0, INDENT))


def _totals(counts: dict[str, float]) -> str:
    jobs = "  ".join(f"{state.value} {counts.get(state.value, 0):g}" for state in JobState)
    oldest = counts.get("oldest_waiting_s", 0)
    return jobs + (f"\nThe oldest has waited for {oldest:.0f} s." if counts.get("waiting") else "")


def _brief(row: JobRow) -> dict[str, Any]:
    fields = {"task_id", "session_id", "product", "owner_id", "state", "run", "created_at", "finished_at", "failure"}
    return row.model_dump(mode="json", include=fields, exclude_none=True)
