"""Starts waiting jobs: in turn between owners, and no more than may be in flight."""

from __future__ import annotations

import asyncio

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.engine.dramatiq_redis.broker import HEARTBEAT_TIMEOUT_MS, Broker
from pipelines.engine.dramatiq_redis.broker_scripts import LOAD
from pipelines.engine.invalid_rows import end_invalid
from pipelines.engine.scheduling import InvalidRow, enqueue_first_stage
from providers.metrics.recorder import Metrics
from providers.records import Records
from schemas import keys
from schemas.common import StageName
from schemas.errors import DarkroomError
from schemas.records import JobRow

log = structlog.get_logger(__name__)

#: Jobs that wait in the stages' queues for each worker process: enough to keep it busy until the next look. More would
#: only stand before whoever comes next.
BACKLOG = 16
#: Seconds between looks when nobody wakes the dispatcher, and while the backlog is full.
IDLE_S, FULL_S = 1, 0.05


class Dispatcher:
    """Moves jobs from the waiting room into the stages' queues."""

    def __init__(  # noqa: PLR0913  what it reads, where it writes, and its bounds
        self,
        records: Records,
        broker: Broker,
        client: redis.asyncio.Redis,
        metrics: Metrics,
        *,
        max_in_flight: int,
        lease_s: float,
    ) -> None:
        """Dispatch for all workers.

        Args:
            records: A connection of the dispatcher's own.
            broker: Where to enqueue.
            client: Where it is woken.
            metrics: Where started tasks are counted.
            max_in_flight: The most jobs between dispatch and outcome, all workers together.
            lease_s: Seconds a lease lasts.
        """
        self._records = records
        self._broker = broker
        self._client = client
        self._load = client.register_script(LOAD)
        self._metrics = metrics
        self._max_in_flight = max_in_flight
        self._lease_s = lease_s

    async def run(self, stopped: asyncio.Event) -> None:
        """Dispatch whenever woken until `stopped`."""
        while not stopped.is_set():
            try:
                room = await self._room()
                if room < BACKLOG // 3:
                    await wait_or_stop(stopped, FULL_S)
                elif await self.dispatch(room) < room:
                    await self._client.blpop([keys.WAKE], IDLE_S)
            except (DarkroomError, redis.exceptions.RedisError, OSError) as error:
                # A job that was started and not enqueued comes back when its lease runs out.
                log.warning("dispatch_failed", error=type(error).__name__)
                await wait_or_stop(stopped, 0.5)
            except Exception:
                log.exception("dispatch_failed")
                await wait_or_stop(stopped, 0.5)

    async def dispatch(self, limit: int = BACKLOG) -> int:
        """Start what may be started now, at most `limit`; returns how many jobs.

        Raises:
            DarkroomError: The database could not be asked.
            redis.exceptions.RedisError: Some jobs could not be enqueued; their leases bring them back.
        """
        rows = await self._records.dispatch(limit=limit, max_in_flight=self._max_in_flight, lease_s=self._lease_s)
        if rows:
            invalid = await asyncio.to_thread(self._enqueue, rows)
            for row in invalid:
                await end_invalid(row, self._records, self._broker, lease_s=self._lease_s)
            for row in rows:
                await self._metrics.incr("darkroom_tasks_total", {"product": row.product.value, "event": "started"})
        return len(rows)

    async def _room(self) -> int:
        """How many jobs more may wait in the queues."""
        # What workers have fetched is bounded already; what they lost must not count for ever.
        queues = [f"{keys.BROKER_NAMESPACE}:{stage}" for stage in StageName]
        workers, backlog = await self._load(keys=[keys.HEARTBEATS, *queues], args=[HEARTBEAT_TIMEOUT_MS])
        return max(1, int(workers)) * BACKLOG - int(backlog)

    def _enqueue(self, rows: list[JobRow]) -> list[JobRow]:
        """Enqueue what was started; return the rows that can't be used."""
        invalid = []
        for row in rows:
            ids = {"task_id": row.task_id, "session_id": row.session_id, "request_id": row.request_id}
            try:
                enqueue_first_stage(self._broker, row)
            except InvalidRow:
                invalid.append(row)
            except redis.exceptions.RedisError:
                raise
            except Exception:
                # Its lease brings it back, here or at a worker that can do it.
                log.exception("job_not_started", **ids)
            else:
                log.info("job_started", product=row.product.value, **ids)
        return invalid
