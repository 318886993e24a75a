"""Releases of ended jobs, collected: one transaction for all jobs that end within a moment."""

from __future__ import annotations

import asyncio

import structlog

from providers.records.workers import Workers
from schemas.errors import DarkroomError

log = structlog.get_logger(__name__)

#: Seconds between a job's end and its release: the jobs of that time are released together.
DELAY_S = 0.1
#: Seconds before the next attempt after a failure.
RETRY_S = 1.0


class Releases:
    """Releases jobs whose outcome was published. Belongs to one event loop.

    A release that is lost in a crash has the outcome published again, which changes nothing.
    """

    def __init__(self, workers: Workers) -> None:
        """Release jobs through `workers`."""
        self._workers = workers
        self._pending: dict[str, int] = {}
        self._sender: asyncio.Task[None] | None = None

    def add(self, task_id: str, token: int) -> None:
        """Release a job soon."""
        self._pending[task_id] = token
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def aclose(self) -> None:
        """Release the jobs that were added and not released yet, if the database is available."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        if self._pending:
            await self._release()

    async def _send(self) -> None:
        delay_s = DELAY_S
        while self._pending:
            await asyncio.sleep(delay_s)
            delay_s = DELAY_S if await self._release() else RETRY_S

    async def _release(self) -> bool:
        jobs = dict(self._pending)
        try:
            await self._workers.release(jobs)
        except DarkroomError as error:
            log.warning("jobs_not_released", jobs=len(jobs), error=str(error))
            return False
        self._pending = {task: token for task, token in self._pending.items() if jobs.get(task) != token}
        return True
