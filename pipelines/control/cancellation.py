"""Cancelling a session: it ends failed with "Cancelled", refunded once, and nothing more is paid for it."""

from __future__ import annotations

import asyncio

from pipelines.engine.claims import MessageClaims
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.scheduling import ended_job, enqueue_notify
from pipelines.products import SESSIONS
from providers.records import Records
from schemas.common import JobState, Product
from schemas.errors import Cancelled
from schemas.job import Failure
from schemas.records import JobRow, SettlementResult

_NOBODY = SettlementResult(moved=False, refunded=0)


async def cancel_session(  # noqa: PLR0913  handed through
    product: Product, session_id: str, *, records: Records, claims: MessageClaims, broker: Broker, lease_s: float
) -> SettlementResult:
    """End a product's session that is queued or running, wherever its task is; `moved` is false if there is none.

    Args:
        product: Whose session; that of another product with the same id goes on.
        session_id: The session.
        records: The database.
        claims: Stops whoever works on it now.
        broker: Where the telling is enqueued.
        lease_s: Seconds a lease lasts.

    Raises:
        DarkroomError: The database or Redis can't be reached. Cancelling again is safe, and the session is not refunded
            twice.
    """
    rows = [row for row in await records.jobs_of_session(session_id) if row.product is product]
    if not rows:
        return await _cancel_before_its_task_came(product, session_id, records)
    failure = Failure(code=Cancelled.code, message=Cancelled().public_message)
    settled = [await _cancel_job(row, failure, records, claims, broker, lease_s) for row in rows]
    return SettlementResult(moved=any(item.moved for item in settled), refunded=sum(item.refunded for item in settled))


async def _cancel_job(  # noqa: PLR0913, PLR0917  handed through
    row: JobRow, failure: Failure, records: Records, claims: MessageClaims, broker: Broker, lease_s: float
) -> SettlementResult:
    settled = await records.fail(row.task_id, failure, state=JobState.CANCELLED, lease_s=lease_s)
    # The row may be a moment old: the job that ended is read again for the token that its worker has.
    ended = await records.job(row.task_id) if settled.moved else None
    if ended is not None:
        await claims.end(ended.task_id, ended.token)
        await asyncio.to_thread(enqueue_notify, broker, ended_job(ended, failure, settled.refunded))
    return settled


async def _cancel_before_its_task_came(product: Product, session_id: str, records: Records) -> SettlementResult:
    # The task still lies in a list, or never came: it will find its session ended and be skipped.
    for channel in [channel for name, channel in SESSIONS if name is product]:
        settled = await records.fail_session(product, channel, session_id, Cancelled().public_message, "cancel")
        if settled.moved:
            return settled
    return _NOBODY
