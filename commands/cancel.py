"""`manage.py cancel`: ends a session that is queued or running, and refunds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.connections import queue, records, redis_client
from commands.outcome import CommandError, Outcome
from pipelines.engine.cancellation import cancel_session
from pipelines.engine.claims import Claims

if TYPE_CHECKING:
    from schemas.records import JobRow
    from settings import Settings


async def cancel(settings: Settings, session_id: str) -> Outcome:
    """Cancel a session.

    Raises:
        CommandError: There is no such session, or it has ended already.
    """
    with queue(settings) as broker:
        async with records(settings) as found, redis_client(settings) as client:
            settled = await cancel_session(
                session_id, records=found, claims=Claims(client), broker=broker, lease_s=settings.lease_s
            )
            if not settled.moved:
                raise CommandError(_why_not(session_id, await found.jobs_of_session(session_id)))
    return Outcome(
        {"cancelled": 1, "refunded": settled.refunded},
        f"Cancelled session {session_id}; {settled.refunded} credits went back.",
    )


def _why_not(session_id: str, rows: list[JobRow]) -> str:
    if rows:
        return f"Session {session_id} has ended already ({rows[0].state.value})."
    return f"No queued or running session {session_id} is known."
