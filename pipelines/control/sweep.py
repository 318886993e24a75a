"""The sweep: a periodic clean-up, stateless and safe to run concurrently."""

from __future__ import annotations

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.ingest import requeue_abandoned
from pipelines.control.recovery import STUCK_MESSAGE, JobRecovery, SweepReport
from pipelines.control.retention import Retention
from pipelines.control.unread_tasks import UnreadTasks
from pipelines.engine.dramatiq_redis.broker import QueueUnreachable
from providers.records import Records
from providers.scratch.base import Scratch
from providers.served import ServedProducts
from schemas.errors import Unavailable
from schemas.records import Orphan
from schemas.tasks import TASK_LISTS

log = structlog.get_logger(__name__)

#: Seconds that the deletion of old rows may take in each sweep.
PRUNING_S = 20.0
#: Seconds after the end of its lease after which a worker is deleted: long enough for operators to see that it died.
FORGET_WORKERS_S = 3600.0


class Sweep:
    """Recovers jobs, ends stuck sessions, and deletes old rows and scratch files.

    Runs every minute, at the start of a worker and as `manage.py sweep`.
    """

    def __init__(  # noqa: PLR0913  all stores that need a clean-up
        self,
        *,
        recovery: JobRecovery,
        records: Records,
        client: redis.asyncio.Redis,
        scratch: Scratch,
        stuck_after_s: float,
        retention: Retention,
    ) -> None:
        """Prepare a sweep.

        Args:
            recovery: Recovers jobs; its contact with the database decides whether sessions may be ended.
            records: The database.
            client: Redis, for the task lists.
            scratch: The scratch store.
            stuck_after_s: Age of a session without a job, seconds, from which on it counts as stuck.
            retention: Deletes old rows.
        """
        self.recovery = recovery
        self._records = records
        self._client = client
        self._scratch = scratch
        self._stuck_after_s = stuck_after_s
        self._retention = retention

    async def run_once(self) -> SweepReport:
        """Run all parts of the sweep.

        Raises:
            DarkroomError: The database, Redis or the scratch store is unavailable; the next sweep continues.
        """
        report = await self.recovery.run_once()
        # After an outage, the task of a session that looks stuck may still be waiting for the database.
        if self.recovery.may_recover:
            await self._end_orphans(report)
        await self._records.workers.forget(FORGET_WORKERS_S)
        await self._scratch.purge(2 * self._stuck_after_s)
        await self._retention.prune(within_s=PRUNING_S)
        log.info(
            "sweep_finished",
            checked=report.checked,
            redriven=report.redriven,
            failed=report.failed,
            refunded=report.refunded,
        )
        return report

    async def _end_orphans(self, report: SweepReport) -> None:
        try:
            await requeue_abandoned(self._client)
            served = ServedProducts(self._client)
            # Tasks of a product that no worker serves are not ingested: their sessions end like all stuck ones.
            products = [product for product in TASK_LISTS if await served.is_served(product)]
            # Before the table is read: a task that ingest has taken from a list meanwhile has a job there.
            unread = await UnreadTasks.read(self._client, products)
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"reading the task lists: {type(error).__name__}") from error
        await self._cancel_lost_orders(report, unread)
        for orphan in await self._records.orphans(older_than_s=self._stuck_after_s):
            if unread.contains(orphan.product, orphan.session_id):
                continue
            report.checked += 1
            try:
                await self._end_orphan(orphan, report)
            except Unavailable:
                raise
            except Exception:
                log.exception("session_not_swept", session_id=orphan.session_id, product=orphan.product.value)

    async def _cancel_lost_orders(self, report: SweepReport, unread: UnreadTasks) -> None:
        for order in await self._records.orders.lost_orders(older_than_s=self._stuck_after_s):
            if unread.contains(order.product, order.task_id, order.session_id):
                continue
            report.checked += 1
            try:
                cancelled = await self._records.orders.cancel_order(order.task_id, STUCK_MESSAGE)
            except Unavailable:
                raise
            except Exception:
                log.exception("lost_order_not_cancelled", task_id=order.task_id, session_id=order.session_id)
            else:
                report.failed += cancelled.ended
                report.refunded += cancelled.refunded

    async def _end_orphan(self, orphan: Orphan, report: SweepReport) -> None:
        settled = await self._records.fail_session(
            orphan.product, orphan.channel, orphan.session_id, STUCK_MESSAGE, "sweep"
        )
        if settled.moved:
            log.warning("session_swept", session_id=orphan.session_id, product=orphan.product.value)
            report.failed += 1
            report.refunded += settled.refunded
