"""`manage.py cancel`: ends a session that is queued or running, and refunds it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from commands.connections import queue, records, redis_client
from commands.outcome import CommandError, Outcome
from pipelines.engine.driver import plan_job, tell
from schemas import keys
from schemas.common import JobState
from schemas.errors import Cancelled
from schemas.job import Failure

if TYPE_CHECKING:
    from schemas.records import JobRow
    from settings import Settings


async def cancel(settings: Settings, session_id: str) -> Outcome:
    """Cancel the jobs of a session.

    Raises:
        CommandError: There is no such session, or it has ended already.
    """
    failure = Failure(code=Cancelled.code, message=Cancelled().public_message)
    async with records(settings) as found:
        rows = await found.jobs_of_session(session_id)
        if not rows:
            raise CommandError(f"No task of session {session_id} is known.")
        refunded, moved = 0, []
        for row in rows:
            settled = await found.fail(row.task_id, failure, state=JobState.CANCELLED, lease_s=settings.lease_s)
            refunded += settled.refunded
            moved += [row] if settled.moved else []
    if not moved:
        raise CommandError(f"Session {session_id} has ended already ({rows[0].state.value}).")
    await _tell(settings, moved, failure)
    return Outcome(
        {"cancelled": len(moved), "refunded": refunded},
        f"Cancelled session {session_id}; {refunded} credits went back.",
    )


async def _tell(settings: Settings, rows: list[JobRow], failure: Failure) -> None:
    with queue(settings) as broker:
        async with redis_client(settings) as client:
            for row in rows:
                await client.publish(keys.CANCEL_CHANNEL, f"{row.task_id}:{row.token}")
                job = plan_job(row).model_copy(update={"failure": failure})
                await asyncio.to_thread(tell, broker, job)
