"""Ends jobs whose row can't be used: one bad row harms one job."""

from __future__ import annotations

import asyncio

import structlog

from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.messages import enqueue_notify
from pipelines.engine.planning import InvalidRow, ended_job
from providers.records import Records
from schemas.job import Failure
from schemas.records import JobRow, SettlementResult

log = structlog.get_logger(__name__)


async def end_invalid(row: JobRow, records: Records, broker: Broker, *, lease_s: float) -> SettlementResult:
    """Fail and refund a dispatched job, and enqueue its notification.

    Raises:
        DarkroomError: The database is unavailable.
        redis.exceptions.RedisError: The notification was not enqueued; the job is recovered.
    """
    failure = Failure(code=InvalidRow.code, message=InvalidRow().public_message)
    settled = await records.fail(row.task_id, failure, token=row.token, lease_s=lease_s)
    log.error(
        "row_invalid", task_id=row.task_id, session_id=row.session_id, request_id=row.request_id,
        refunded=settled.refunded,
    )  # fmt: skip
    if settled.moved:
        await asyncio.to_thread(enqueue_notify, broker, ended_job(row, failure, settled.refunded))
    return settled
