"""The latest state of a task: the last published event, or the outcome in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import redis.asyncio
import redis.exceptions
from pydantic import ValidationError

from api.picture_links import PictureLinks
from providers.records.orders import Orders, TaskSummary
from schemas import keys
from schemas.common import JobState
from schemas.errors import Unavailable
from schemas.progress import Progress, Status

_JOB_STATES = {
    Status.PENDING: JobState.WAITING,
    Status.PROCESSING: JobState.RUNNING,
    Status.COMPLETED: JobState.COMPLETED,
    Status.FAILED: JobState.FAILED,
}


class OwnedState(NamedTuple):
    """The state of a task and its owner; the owner is None if only the task's events are known."""

    progress: Progress
    owner_id: str | None


class TaskStates:
    """Reads the states of tasks from the database and from Redis; either may be unavailable."""

    def __init__(self, sessions: Orders, client: redis.asyncio.Redis, pictures: PictureLinks) -> None:
        """Read from `sessions` and `client`, which the caller closes; sign links with `pictures`."""
        self._sessions, self._client, self._pictures = sessions, client, pictures

    async def of(self, task_id: str, owner: str | None) -> OwnedState | None:
        """Return the state of one task, or None if `owner` has no such task; None for all owners.

        Raises:
            Unavailable: The database, or the Redis that is needed in its place, can't be reached.
        """
        return (await self._read([task_id], owner)).get(task_id)

    async def many(self, task_ids: list[str]) -> dict[str, Progress]:
        """Return the states of tasks by id, without unknown tasks.

        Raises:
            Unavailable: As for `of`.
        """
        return {task_id: state.progress for task_id, state in (await self._read(task_ids, None)).items()}

    async def _read(self, task_ids: list[str], owner: str | None) -> dict[str, OwnedState]:
        summaries, events = await asyncio.gather(
            self._sessions.tasks(task_ids), self._events(task_ids), return_exceptions=True
        )
        if isinstance(summaries, BaseException):
            # Without an event an unknown task can't be told from one that only the database knows.
            published = owner is None and not isinstance(events, BaseException) and events
            if not published or not isinstance(summaries, Unavailable):
                raise summaries
            return {task_id: OwnedState(event, None) for task_id, event in published.items()}
        if isinstance(events, BaseException):
            if not isinstance(events, Unavailable):
                raise events
            events = {}
        # A task without a row was refused before its owner was known: only callers that see all owners get its events.
        refused = {} if owner is not None else {name: event for name, event in events.items() if name not in summaries}
        found = {name: OwnedState(event, None) for name, event in refused.items()}
        for task_id, summary in summaries.items():
            if owner in {None, summary.owner_id, summary.user_id}:
                progress = await self._with_fresh_links(summary, merge(summary, events.get(task_id)))
                found[task_id] = OwnedState(progress, summary.owner_id)
        return found

    async def _with_fresh_links(self, summary: TaskSummary, state: Progress) -> Progress:
        if summary.product is None or state.status is not Status.COMPLETED or not summary.pictures:
            return state
        links = await self._pictures.sign(summary.product, summary.pictures)
        return state.model_copy(update={"result_urls": tuple(link for link in links if link)})

    async def _events(self, task_ids: list[str]) -> dict[str, Progress]:
        pipeline = self._client.pipeline(transaction=False)
        for task_id in task_ids:
            pipeline.hget(keys.progress(task_id), "event")
        try:
            texts: list[bytes | None] = await pipeline.execute()
        except redis.exceptions.RedisError as error:
            raise Unavailable(f"reading progress: {type(error).__name__}", code="progress_unavailable") from error
        return _parse_events(dict(zip(task_ids, texts, strict=True)))


def merge(summary: TaskSummary, event: Progress | None) -> Progress:
    """Return the state: the outcome from the database, or the progress before it from the event."""
    if event is not None and event.run >= summary.run and (event.status.terminal or not summary.state.terminal):
        return event
    common = {
        "task_id": summary.task_id,
        "session_id": summary.session_id,
        "run": summary.run,
        "attempt": summary.token,
    }
    at = summary.finished_at.timestamp() if summary.finished_at else 0.0
    if summary.state is JobState.COMPLETED:
        return Progress(status=Status.COMPLETED, progress=100, message="Completed", at=at, **common)
    if summary.state.terminal:
        failure = summary.failure or {}
        message, code = failure.get("message") or "Cancelled", failure.get("code")
        return Progress(status=Status.FAILED, progress=0, message=message, code=code, at=at, **common)
    return Progress(status=Status.PENDING, progress=0, message="Queued", **common)


def job_state(progress: Progress) -> JobState:
    """Return the state in the terms of the command line."""
    if progress.cancelled:
        return JobState.CANCELLED
    return _JOB_STATES[progress.status]


def _parse_events(texts: Mapping[str, bytes | None]) -> dict[str, Progress]:
    events = {}
    for task_id, text in texts.items():
        if text is not None:
            try:
                events[task_id] = Progress.model_validate_json(text)
            except ValidationError:  # published by a newer worker; the database has the outcome
                continue
    return events
