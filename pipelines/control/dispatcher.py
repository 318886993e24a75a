"""Dispatches waiting jobs: fairly between owners, and no more than may be in flight."""

from __future__ import annotations

import asyncio

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.control.invalid_rows import end_invalid
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.dramatiq_redis.queue_load import QueueLoad
from pipelines.engine.messages import enqueue_first_stage
from pipelines.engine.planning import InvalidRow
from providers.metrics.recorder import Metrics
from providers.records import Records
from schemas import keys
from schemas.errors import DarkroomError
from schemas.records import JobRow

log = structlog.get_logger(__name__)

#: Jobs in the stages' queues for each worker process: enough to keep it busy until the next dispatch. More would delay
#: jobs of owners who push later.
BACKLOG = 16
#: Longest wait for a wake-up, and pause while the backlog is full, seconds.
IDLE_S, FULL_S = 1, 0.05
#: Seconds before the next attempt after a failure.
RETRY_S = 0.5


class Dispatcher:
    """Moves jobs from the table into the stages' queues."""

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
            records: Database connections of the dispatcher's own.
            broker: Where to enqueue.
            client: Redis, for wake-ups and the backlog.
            metrics: Where dispatched tasks are counted.
            max_in_flight: Largest number of jobs between dispatch and outcome, all workers together.
            lease_s: Duration of a lease, seconds: a job that is not claimed in this time is lost.
        """
        self._records = records
        self._broker = broker
        self._client = client
        self._load = QueueLoad(client)
        self._metrics = metrics
        self._max_in_flight = max_in_flight
        self._lease_s = lease_s

    async def run(self, stopped: asyncio.Event) -> None:
        """Dispatch at every wake-up until `stopped`; log and retry failures."""
        while not stopped.is_set():
            try:
                free = await self._free_backlog()
                if free < BACKLOG // 3:
                    await wait_or_stop(stopped, FULL_S)
                elif await self.run_once(free) < free:
                    await self._client.blpop([keys.WAKE], IDLE_S)
            except (DarkroomError, redis.exceptions.RedisError, OSError) as error:
                # A job that was dispatched and not enqueued is recovered, as it is not claimed in time.
                log.warning("dispatch_failed", error=type(error).__name__)
                await wait_or_stop(stopped, RETRY_S)
            except Exception:
                log.exception("dispatch_failed")
                await wait_or_stop(stopped, RETRY_S)

    async def run_once(self, limit: int = BACKLOG) -> int:
        """Dispatch up to `limit` jobs; return their number.

        Raises:
            DarkroomError: The database is unavailable.
            redis.exceptions.RedisError: Some jobs were not enqueued; they are recovered.
        """
        rows = await self._records.dispatch(limit=limit, max_in_flight=self._max_in_flight, lease_s=self._lease_s)
        if rows:
            invalid = await asyncio.to_thread(self._enqueue, rows)
            for row in invalid:
                await end_invalid(row, self._records, self._broker, lease_s=self._lease_s)
            for row in rows:
                await self._metrics.incr("darkroom_tasks_total", {"product": row.product.value, "event": "started"})
        return len(rows)

    async def _free_backlog(self) -> int:
        """Return how many more jobs may wait in the stages' queues."""
        # Fetched messages don't count: slots limit them, and those of a dead worker must not count for ever.
        workers, backlog = await self._load.measure()
        return max(1, workers) * BACKLOG - backlog

    def _enqueue(self, rows: list[JobRow]) -> list[JobRow]:
        """Enqueue dispatched jobs; return the rows that can't be used."""
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
                # The job is recovered, perhaps by a worker that can run it.
                log.exception("job_not_started", **ids)
            else:
                log.info("job_started", product=row.product.value, **ids)
        return invalid
