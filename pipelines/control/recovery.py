"""Recovers jobs whose worker has died or that were never claimed: they are dispatched again, or ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.control.database_contact import INTERVAL, DatabaseContact
from pipelines.control.invalid_rows import end_invalid
from pipelines.engine.dramatiq_redis.broker import Broker, QueueUnreachable
from pipelines.engine.messages import enqueue_first_stage, enqueue_notify, message_id
from pipelines.engine.planning import InvalidRow, ended_job, plan_job
from pipelines.stages.notify import outbox_messages
from providers.records import Records
from schemas.errors import DarkroomError, Unavailable
from schemas.job import Failure
from schemas.records import JobRow, SettlementResult

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds that a worker has to claim a job after it has acknowledged the message; a quarter of a short lease.
CLAIM_S = 1.0

STUCK_MESSAGE = "Worker restarted: the job did not complete"


@dataclass
class SweepReport:
    """Jobs checked, dispatched again and failed by a recovery or sweep; credits refunded."""

    checked: int = 0
    redriven: int = 0
    failed: int = 0
    refunded: int = 0


class JobRecovery:
    """Recovers jobs that no live worker owns. A job whose message is still queued only gets more time to be claimed.

    Nothing is recovered before this process has reached the database for a full lease: an outage of the database must
    not make live workers look dead.
    """

    def __init__(
        self, records: Records, broker: Broker, contact: DatabaseContact, *, lease_s: float, max_recoveries: int
    ) -> None:
        """Recover the jobs of all workers.

        Args:
            records: A database connection of the recovery's own.
            broker: Where to enqueue.
            contact: The contact of this process with the database.
            lease_s: Duration of a lease, seconds.
            max_recoveries: Largest number of recoveries of a job.
        """
        self._records = records
        self._broker = broker
        self._contact = contact
        self._lease_s = lease_s
        self._max_recoveries = max_recoveries

    async def run(self, stopped: asyncio.Event, interval_s: float) -> None:
        """Recover jobs about every `interval_s` seconds, and often enough to stay in contact, until `stopped`."""
        interval_s = min(interval_s, self._lease_s * INTERVAL)
        while not stopped.is_set():
            try:
                await self.run_once()
                await asyncio.to_thread(self._broker.forget_dead_workers)
            except DarkroomError as error:
                log.warning("recovery_failed", error=str(error))
            except Exception:
                log.exception("recovery_failed")
            # Every worker runs a recovery: they should not all run at the same time.
            await wait_or_stop(stopped, interval_s * random.uniform(0.7, 1.3))  # noqa: S311  spreads load, guards nothing

    async def run_once(self) -> SweepReport:
        """Recover or end every job that no live worker owns.

        Raises:
            DarkroomError: The database or Redis is unavailable; the next call continues.
        """
        rows = await self._note_contact(self._lost_jobs())
        if not self.may_recover:
            return SweepReport()
        report = SweepReport(checked=len(rows))
        # A stopping worker could not run what it recovers.
        for row in [] if self._broker.slots.closed else await self._without_owner(rows):
            if self._broker.slots.closed:
                break
            try:
                await self._recover(row, report)
            except Unavailable:
                raise
            except Exception:
                log.exception("job_not_recovered", **_ids(row))
        return report

    @property
    def may_recover(self) -> bool:
        """Whether an expired lease means that its worker has died."""
        return self._contact.lasts_a_lease

    async def wait_for_contact(self) -> None:
        """Return once the database has been reached for a full lease.

        Raises:
            DarkroomError: The database is unavailable.
        """
        while not self.may_recover:
            await self._note_contact(self._lost_jobs(limit=1))
            await asyncio.sleep(self._lease_s * INTERVAL)

    async def _note_contact(self, call: Awaitable[T]) -> T:
        with self._contact.call():
            return await call

    async def _lost_jobs(self, limit: int = 500) -> list[JobRow]:
        return await self._records.workers.lost_jobs(lease_s=self._lease_s, limit=limit)

    async def _without_owner(self, rows: Sequence[JobRow]) -> list[JobRow]:
        """Return the jobs among `rows` that no worker will continue."""
        claimed = [row for row in rows if row.worker_id is not None]
        missing = [row for row in rows if row.worker_id is None and not await self._wait_for_claim(row)]
        if missing:
            # A message that was acknowledged a moment ago is just being claimed.
            await asyncio.sleep(min(CLAIM_S, self._lease_s / 4))
        return claimed + missing

    async def _wait_for_claim(self, row: JobRow) -> bool:
        """Give the job more time if its message is queued; return whether it is."""
        if not await asyncio.to_thread(self._broker.is_queued, message_id(row.task_id, row.token)):
            return False
        await self._note_contact(self._records.workers.expect_claim(row.task_id, row.token, self._lease_s))
        return True

    async def _recover(self, row: JobRow, report: SweepReport) -> None:
        # A job that ended at its dispatch has published nothing yet: MAX_RECOVERIES=0 must not prevent it.
        limit = max(1, self._max_recoveries) if row.state.terminal else self._max_recoveries
        recovered = await self._note_contact(
            self._records.workers.recover(row.task_id, row.token, max_recoveries=limit, lease_s=self._lease_s)
        )
        if recovered is None:
            return
        if recovered.recoveries > limit:
            await self._end(recovered, report)
            return
        log.warning("job_recovered", **_ids(row), recoveries=recovered.recoveries)
        try:
            await asyncio.to_thread(enqueue_first_stage, self._broker, recovered)
        except InvalidRow:
            self._count(await end_invalid(recovered, self._records, self._broker, lease_s=self._lease_s), report)
            return
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"dispatching a job again: {type(error).__name__}") from error
        report.redriven += 1

    async def _end(self, row: JobRow, report: SweepReport) -> None:
        if row.state.terminal:
            log.error("outcome_notification_exhausted", **_ids(row))
            await self._records.outbox.enqueue(row.task_id, row.token, outbox_messages(plan_job(row)))
            return
        failure = Failure(code="worker_lost", message=STUCK_MESSAGE, details={"recoveries": self._max_recoveries})
        settled = await self._records.fail(row.task_id, failure, token=row.token, lease_s=self._lease_s)
        log.error("job_recovery_exhausted", **_ids(row), refunded=settled.refunded)
        self._count(settled, report)
        if settled.moved:
            await asyncio.to_thread(enqueue_notify, self._broker, ended_job(row, failure, settled.refunded))

    @staticmethod
    def _count(settled: SettlementResult, report: SweepReport) -> None:
        report.failed += settled.moved
        report.refunded += settled.refunded


def _ids(row: JobRow) -> dict[str, str]:
    return {"task_id": row.task_id, "session_id": row.session_id, "request_id": row.request_id}
