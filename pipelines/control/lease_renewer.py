"""Renews the leases of this process's jobs in a separate thread, and cancels jobs that must not continue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.engine.running_jobs import RunningJob, RunningJobs, StopReason
from providers.records import Records
from schemas import keys
from schemas.common import JobState, StageName
from schemas.errors import DarkroomError

log = structlog.get_logger(__name__)

#: Renewals during one lease; three may fail in a row. Each may take until the next one is due.
RENEWALS = 4
#: Seconds after a failed renewal: after an outage all leases must be renewed before a recovery finds one expired.
RETRY_S = 0.25


class LeaseRenewer:
    """Renews leases; cancels jobs that were lost, have ended elsewhere, or exceed the hard time limit of a stage."""

    def __init__(
        self, running_jobs: RunningJobs, records: Records, client: redis.asyncio.Redis, *, lease_s: float, hard_s: float
    ) -> None:
        """Renew the leases of `running_jobs`.

        Args:
            running_jobs: The jobs of this process.
            records: A database connection of the renewer's own, whose calls take at most `lease_s / RENEWALS`.
            client: A Redis client of the renewer's own, for cancellations.
            lease_s: Duration of a lease, seconds.
            hard_s: Hard time limit of a stage, seconds.
        """
        self._running_jobs = running_jobs
        self._records = records
        self._client = client
        self._lease_s = lease_s
        self._hard_s = hard_s

    async def run(self, stopped: asyncio.Event) -> None:
        """Renew leases and listen for cancellations until `stopped`."""
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(self._listen())
            renewed = True
            while not stopped.is_set():
                try:
                    await self.run_once()
                except DarkroomError as error:
                    if renewed:  # once for each outage
                        log.warning("leases_not_renewed", error=str(error))
                    renewed = False
                else:
                    renewed = True
                await wait_or_stop(stopped, self._lease_s / RENEWALS if renewed else RETRY_S)
            listener.cancel()

    async def run_once(self) -> None:
        """Renew every lease once; cancel jobs that are overdue, lost or ended.

        Raises:
            DarkroomError: The database is unavailable.
        """
        jobs = self._running_jobs.snapshot()
        for job in jobs:
            if time.monotonic() - job.stage_started > self._hard_s:
                job.cancel(StopReason.OVERDUE)
        jobs = _cancel_older_runs(jobs)
        # An overdue job that can't be cancelled keeps its process busy: let its lease expire.
        jobs = [job for job in jobs if job.stop_reason is not StopReason.OVERDUE]
        if jobs:
            states = await self._records.renew_leases({job.task_id: job.token for job in jobs}, self._lease_s)
            for job in jobs:
                _cancel_if_not_ours(job, states)

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
            if job.task_id == task_id and job.stage is not StageName.NOTIFY and str(job.token) == token:
                job.cancel(StopReason.ENDED)


def _cancel_older_runs(jobs: Sequence[RunningJob]) -> list[RunningJob]:
    """Cancel runs of jobs that were recovered into this process meanwhile; return the other runs."""
    newest: dict[str, int] = {}
    for job in jobs:
        newest[job.task_id] = max(job.token, newest.get(job.task_id, job.token))
    for job in jobs:
        if job.token < newest[job.task_id]:
            job.cancel(StopReason.LOST)
    return [job for job in jobs if job.token == newest[job.task_id]]


def _cancel_if_not_ours(job: RunningJob, states: Mapping[str, JobState]) -> None:
    state = states.get(job.task_id)
    if state is None:
        job.cancel(StopReason.LOST)
    elif state.terminal and job.stage not in {StageName.UPLOAD, StageName.NOTIFY}:
        job.cancel(StopReason.ENDED)
