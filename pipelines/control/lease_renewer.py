"""Renews the leases of what this process works on, from a thread of its own, and stops what is no longer wanted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

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

#: Renewals within the time a lease lasts; the first three may fail. Each may take until the next is due.
RENEWALS = 4
#: Seconds after a failed renewal: what was unavailable must hear of all leases before anybody may find one expired.
RETRY_S = 0.25


class LeaseRenewer:
    """Keeps the leases. What has run longer than the hard limit is stopped: its worker may hang, its user waits."""

    def __init__(
        self, registry: RunningJobs, records: Records, client: redis.asyncio.Redis, *, lease_s: float, hard_s: float
    ) -> None:
        """Keep what `registry` tracks.

        Args:
            registry: What this process works on.
            records: A connection of the renewer's own, whose calls take at most `lease_s / RENEWALS`.
            client: A Redis client of the renewer's own, for cancellations.
            lease_s: Seconds a lease lasts.
            hard_s: Seconds one stage may take at the very most.
        """
        self._registry = registry
        self._records = records
        self._client = client
        self._lease_s = lease_s
        self._hard_s = hard_s

    async def run(self, stopped: asyncio.Event) -> None:
        """Renew and listen until `stopped`."""
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(self._listen())
            renewed = True
            while not stopped.is_set():
                try:
                    await self.renew()
                except DarkroomError as error:
                    if renewed:  # once for each outage
                        log.warning("leases_not_renewed", error=str(error))
                    renewed = False
                else:
                    renewed = True
                await wait_or_stop(stopped, self._lease_s / RENEWALS if renewed else RETRY_S)
            listener.cancel()

    async def renew(self) -> None:
        """Renew every lease once; stop what lost its lease, ended, or is overdue.

        Raises:
            DarkroomError: The database could not be asked.
        """
        work = self._registry.snapshot()
        for item in work:
            if time.monotonic() - item.since > self._hard_s:
                item.halt(StopReason.OVERDUE)
        # What is overdue and does not even stop is left to its lease: this process hangs.
        work = [item for item in work if item.stop is not StopReason.OVERDUE]
        if work:
            held = await self._records.renew_leases({item.task_id: item.token for item in work}, self._lease_s)
            for item in work:
                _judge(item, held)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(redis.exceptions.RedisError, OSError):
                await self._cancellations()
            await asyncio.sleep(1.0)

    async def _cancellations(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(keys.CANCEL_CHANNEL)
            while True:
                message = await subscription.get_message(timeout=None)
                if message is not None:
                    self._cancel(message["data"].decode())

    def _cancel(self, text: str) -> None:
        task_id, _, token = text.rpartition(":")
        for item in self._registry.snapshot():
            if item.task_id == task_id and item.stage is not StageName.NOTIFY and str(item.token) == token:
                item.halt(StopReason.ENDED)


def _judge(item: RunningJob, held: Mapping[str, JobState]) -> None:
    state = held.get(item.task_id)
    if state is None:
        item.halt(StopReason.LOST)
    elif state.terminal and item.stage not in {StageName.UPLOAD, StageName.NOTIFY}:
        item.halt(StopReason.ENDED)
