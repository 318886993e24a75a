"""The heartbeat of this worker, in a separate thread: renews its lease, and cancels jobs that must not continue."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping, Sequence

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.engine.running_jobs import RunningJob, RunningJobs, StopReason
from providers.records.workers import Workers
from schemas import keys
from schemas.common import StageName
from schemas.errors import DarkroomError
from schemas.records import StopVerdict, WorkerInfo

log = structlog.get_logger(__name__)

#: Heartbeats during one lease; three may fail in a row. Each may take until the next one is due.
HEARTBEATS = 4
#: Seconds after a failed heartbeat: after an outage all workers must have sent one before a recovery finds one expired.
RETRY_S = 0.25


class Heartbeat:
    """Renews the worker's lease; cancels jobs that were lost, have ended elsewhere, or exceed a stage's hard limit."""

    def __init__(  # noqa: PLR0913  the worker, its connections and its limits
        self,
        worker: WorkerInfo,
        running_jobs: RunningJobs,
        workers: Workers,
        client: redis.asyncio.Redis,
        *,
        lease_s: float,
        hard_s: float,
    ) -> None:
        """Renew the lease of `worker`.

        Args:
            worker: This worker.
            running_jobs: Its jobs.
            workers: A database connection of the heartbeat's own, whose calls take at most `lease_s / HEARTBEATS`.
            client: A Redis client of the heartbeat's own, for cancellations.
            lease_s: Duration of a lease, seconds.
            hard_s: Hard time limit of a stage, seconds.
        """
        self._worker = worker
        self._running_jobs = running_jobs
        self._workers = workers
        self._client = client
        self._lease_s = lease_s
        self._hard_s = hard_s

    async def run(self, stopped: asyncio.Event) -> None:
        """Send heartbeats and listen for cancellations until `stopped`."""
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(self._listen())
            renewed = True
            while not stopped.is_set():
                try:
                    await self.run_once()
                except DarkroomError as error:
                    if renewed:  # once for each outage
                        log.warning("heartbeat_failed", error=str(error))
                    renewed = False
                else:
                    renewed = True
                await wait_or_stop(stopped, self._lease_s / HEARTBEATS if renewed else RETRY_S)
            listener.cancel()

    async def run_once(self) -> None:
        """Send one heartbeat; cancel jobs that are overdue, lost or ended.

        Raises:
            DarkroomError: The database is unavailable.
        """
        jobs = self._running_jobs.snapshot()
        for job in jobs:
            if job.overdue_s(self._hard_s) > 0:
                job.cancel(StopReason.OVERDUE)
        # An overdue job that can't be cancelled keeps its process busy: not named, it is given up.
        named = [job for job in _cancel_older_runs(jobs) if job.overdue_s(self._hard_s) <= self._lease_s]
        tokens = {job.task_id: job.token for job in named}
        _stop(named, tokens, await self._workers.heartbeat(self._worker, tokens, lease_s=self._lease_s))

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(redis.exceptions.RedisError, OSError):
                await self._receive_cancellations()
            await asyncio.sleep(1.0)

    async def _receive_cancellations(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(keys.CANCEL_CHANNEL)
            while True:
                message = await subscription.get_message(timeout=None)
                if message is not None:
                    self._cancel(message["data"].decode())

    def _cancel(self, text: str) -> None:
        task_id, _, token = text.rpartition(":")
        for job in self._running_jobs.snapshot():
            if job.task_id == task_id and job.stage is not StageName.NOTIFY and (job.token or math.inf) < int(token):
                job.cancel(StopReason.ENDED)


def _cancel_older_runs(jobs: Sequence[RunningJob]) -> list[RunningJob]:
    """Cancel runs of jobs that were recovered into this process meanwhile; return the other runs."""
    newest: dict[str, int] = {}
    for job in jobs:
        newest[job.task_id] = max(job.token or 0, newest.get(job.task_id, 0))
    for job in jobs:
        if job.token is not None and job.token < newest[job.task_id]:
            job.cancel(StopReason.LOST)
    return [job for job in jobs if job.token is None or job.token == newest[job.task_id]]


def _stop(jobs: Sequence[RunningJob], tokens: Mapping[str, int | None], verdicts: Mapping[str, StopVerdict]) -> None:
    for job in jobs:
        verdict = verdicts.get(job.task_id)
        if verdict is None or job.token != tokens[job.task_id]:
            continue
        if verdict is StopVerdict.LOST:
            job.cancel(StopReason.LOST)
        elif job.stage is not StageName.NOTIFY:
            job.cancel(StopReason.ENDED)
