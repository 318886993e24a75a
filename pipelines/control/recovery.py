"""Looks every few seconds for jobs whose lease ran out, and drives them again, or ends them."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.engine.database_contact import INTERVAL, DatabaseContact
from pipelines.engine.dramatiq_redis.broker import Broker, QueueUnreachable
from pipelines.engine.invalid_rows import end_invalid
from pipelines.engine.scheduling import InvalidRow, ended_job, enqueue_first_stage, enqueue_notify, plan_job
from pipelines.stages.notify import outbox_messages
from providers.records import Records
from schemas.errors import DarkroomError, Unavailable
from schemas.job import Failure
from schemas.records import JobRow, SettlementResult

log = structlog.get_logger(__name__)

T = TypeVar("T")

STUCK_MESSAGE = "Worker restarted: the job did not complete"


@dataclass
class SweepReport:
    """What one look did: jobs looked at, driven again, failed; credits given back."""

    checked: int = 0
    redriven: int = 0
    failed: int = 0
    refunded: int = 0


class JobRecovery:
    """The one re-driver. A job that merely waits in a queue keeps its lease; one whose worker is gone is taken over.

    Drop is taken over before the database was reached for a full lease: an outage expires nobody.
    """

    def __init__(
        self, records: Records, broker: Broker, contact: DatabaseContact, *, lease_s: float, max_recoveries: int
    ) -> None:
        """Look after all jobs.

        Args:
            records: A connection of the recovery's own.
            broker: Where to enqueue.
            contact: How long this process has reached the database.
            lease_s: Seconds a lease lasts.
            max_recoveries: How often a job may outlive its worker.
        """
        self._records = records
        self._broker = broker
        self._contact = contact
        self._lease_s = lease_s
        self._max_recoveries = max_recoveries

    async def run(self, stopped: asyncio.Event, interval_s: float) -> None:
        """Look every `interval_s` seconds, more or less, and often enough to stay in contact, until `stopped`."""
        interval_s = min(interval_s, self._lease_s * INTERVAL)
        while not stopped.is_set():
            try:
                await self.look()
                await asyncio.to_thread(self._broker.bury_dead_workers)
            except DarkroomError as error:
                log.warning("recovery_failed", error=str(error))
            except Exception:
                log.exception("recovery_failed")
            # Many workers have a recovery: they should not all look at once.
            await wait_or_stop(stopped, interval_s * random.uniform(0.7, 1.3))  # noqa: S311  spreads load, guards nothing

    async def look(self) -> SweepReport:
        """Look once.

        Raises:
            DarkroomError: The database or the queue could not be asked; nothing is lost.
        """
        report = SweepReport()
        rows = await self._reached(self._records.expired_leases())
        if not self.may_take_over:
            return report
        for row in rows:
            if self._broker.slots.closed:
                # A worker that leaves could not finish what it takes over.
                break
            report.checked += 1
            try:
                await self._look_at(row, report)
            except Unavailable:
                raise
            except Exception:
                log.exception("job_not_recovered", **_ids(row))
        return report

    @property
    def may_take_over(self) -> bool:
        """Whether an expired lease means that its worker is gone."""
        return self._contact.lasts_a_lease

    async def wait_for_contact(self) -> None:
        """Return once the database was reached for a full lease.

        Raises:
            DarkroomError: It can't be reached.
        """
        while not self.may_take_over:
            await self._reached(self._records.expired_leases(limit=1))
            await asyncio.sleep(self._lease_s * INTERVAL)

    async def _reached(self, call: Awaitable[T]) -> T:
        with self._contact.call():
            return await call

    async def _look_at(self, row: JobRow, report: SweepReport) -> None:
        queued = functools.partial(self._broker.is_queued, row.task_id, row.token, taken_within_s=self._lease_s)
        if await asyncio.to_thread(queued):
            await self._reached(self._records.renew_leases({row.task_id: row.token}, self._lease_s))
        else:
            await self._take_over(row, report)

    async def _take_over(self, row: JobRow, report: SweepReport) -> None:
        taken = await self._reached(
            self._records.recover(row.task_id, row.token, max_recoveries=self._max_recoveries, lease_s=self._lease_s)
        )
        if taken is None:
            return
        if taken.recoveries > self._max_recoveries:
            await self._end(taken, report)
            return
        log.warning("job_recovered", **_ids(row), recoveries=taken.recoveries)
        try:
            await asyncio.to_thread(enqueue_first_stage, self._broker, taken)
        except InvalidRow:
            self._count(await end_invalid(taken, self._records, self._broker, lease_s=self._lease_s), report)
            return
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"driving a job again: {type(error).__name__}") from error
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
