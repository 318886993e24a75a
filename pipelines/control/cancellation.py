"""Cancels a session: it fails with "Cancelled", is refunded once, and nothing more is paid for it."""

from __future__ import annotations

import asyncio

import redis.asyncio
import redis.exceptions

from pipelines.engine.dramatiq_redis.broker import Broker, QueueUnreachable
from pipelines.engine.messages import enqueue_notify
from pipelines.engine.planning import ended_job
from providers.records import Records
from schemas import keys
from schemas.common import JobState, Product
from schemas.errors import Cancelled
from schemas.job import Failure
from schemas.records import JobRow, SettlementResult


async def cancel_session(  # noqa: PLR0913  passed through
    product: Product, channel: str, session_id: str, *,
    records: Records, client: redis.asyncio.Redis, broker: Broker, lease_s: float,
) -> SettlementResult:  # fmt: skip
    """End a queued or running session; the result's `moved` is False if there is none.

    Args:
        product: Product of the session; sessions of other products and channels with this id are not affected.
        channel: Channel of the session.
        session_id: The session.
        records: The database.
        client: Redis, to cancel the job at once in the worker that runs it.
        broker: Where the notification is enqueued.
        lease_s: Duration of a lease, seconds.

    Raises:
        DarkroomError: The database or Redis is unavailable. Calling again is safe; nothing is refunded twice.
    """
    failure = Failure(code=Cancelled.code, message=Cancelled().public_message)
    for row in await records.jobs_of_session(session_id):
        if (row.product, row.channel) == (product, channel):
            return await _cancel_job(row, failure, records, client, broker, lease_s)
    # Its task is still in a producers' list, or was never pushed. Ingest skips a task whose session has ended.
    return await records.fail_session(product, channel, session_id, failure.message, "cancel")


async def _cancel_job(  # noqa: PLR0913, PLR0917  passed through
    row: JobRow, failure: Failure, records: Records, client: redis.asyncio.Redis, broker: Broker, lease_s: float
) -> SettlementResult:
    settled = await records.fail(row.task_id, failure, state=JobState.CANCELLED, lease_s=lease_s)
    # The job may have been dispatched or recovered since `row` was read.
    ended = await records.job(row.task_id) if settled.moved else None
    if ended is not None:
        try:
            await client.publish(keys.CANCEL_CHANNEL, f"{ended.task_id}:{ended.token}")
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"announcing a cancellation: {type(error).__name__}") from error
        await asyncio.to_thread(enqueue_notify, broker, ended_job(ended, failure, settled.refunded))
    return settled
