"""The sweep: stateless, needs nothing that it sweeps, and may run at any time, from anywhere, side by side."""

from __future__ import annotations

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.ingest import requeue_abandoned
from pipelines.control.recovery import STUCK_MESSAGE, JobRecovery, SweepReport
from pipelines.engine.dramatiq_redis.broker import QueueUnreachable
from providers.records import Records
from providers.scratch.base import Scratch
from providers.served import ServedProducts
from schemas import keys
from schemas.errors import Unavailable
from schemas.records import Orphan
from schemas.tasks import TASK_LISTS

log = structlog.get_logger(__name__)


class Sweep:
    """What every minute, every start of a worker and `manage.py sweep` do."""

    def __init__(  # noqa: PLR0913  everything that can get stuck
        self,
        *,
        recovery: JobRecovery,
        records: Records,
        client: redis.asyncio.Redis,
        scratch: Scratch,
        stuck_after_s: float,
        dead_letter_ttl_s: float,
    ) -> None:
        """Sweep with `recovery`; `stuck_after_s` and `dead_letter_ttl_s` in seconds."""
        self.recovery = recovery
        self._records = records
        self._client = client
        self._scratch = scratch
        self._stuck_after_s = stuck_after_s
        self._dead_letter_ttl_s = dead_letter_ttl_s

    async def sweep(self) -> SweepReport:
        """Sweep once.

        Raises:
            DarkroomError: Something could not be asked; nothing is lost, the next sweep goes on.
        """
        report = await self.recovery.look()
        # After an outage what looks stuck may be on its way: its task waits for the database too.
        if self.recovery.may_take_over:
            await self._end_orphans(report)
        await self._records.purge_dead_letters(self._dead_letter_ttl_s)
        await self._scratch.purge(2 * self._stuck_after_s)
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
            waiting = await self._tasks_on_their_way()
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"looking at the task lists: {type(error).__name__}") from error
        if waiting:
            # Their sessions look like orphans until they are written to the table.
            return
        lost = await self._records.orders.cancel_lost_orders(older_than_s=self._stuck_after_s, message=STUCK_MESSAGE)
        report.checked += lost
        report.failed += lost
        for orphan in await self._records.orphans(older_than_s=self._stuck_after_s):
            report.checked += 1
            try:
                await self._end_orphan(orphan, report)
            except Unavailable:
                raise
            except Exception:
                log.exception("session_not_swept", session_id=orphan.session_id, product=orphan.product.value)

    async def _end_orphan(self, orphan: Orphan, report: SweepReport) -> None:
        settled = await self._records.fail_session(
            orphan.product, orphan.channel, orphan.session_id, STUCK_MESSAGE, "sweep"
        )
        if settled.moved:
            log.warning("session_swept", session_id=orphan.session_id, product=orphan.product.value)
            report.failed += 1
            report.refunded += settled.refunded

    async def _tasks_on_their_way(self) -> int:
        consumers = await self._client.zrange(keys.CONSUMERS, 0, -1)
        served = ServedProducts(self._client)
        # Nobody takes the tasks of a product that no worker makes: their sessions end as any that got stuck.
        sources = [source for product, source in TASK_LISTS.items() if await served.is_served(product)]
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in consumers]
        async with self._client.pipeline(transaction=False) as pipe:
            for source in sources:
                pipe.llen(source)
                for name in names:
                    pipe.llen(keys.processing(name, source))
            return sum(await pipe.execute())
