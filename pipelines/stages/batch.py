"""How far a batch is, seen by its session and its subscribers with each finished picture."""

from __future__ import annotations

import asyncio

import structlog

from pipelines.retrying.stage_context import time_limits_paused
from providers.progress import ProgressLog
from providers.records import Records
from schemas.common import StageName
from schemas.errors import Unavailable
from schemas.job import Job
from schemas.progress import Progress, Status

log = structlog.get_logger(__name__)

#: The generation's share of the whole, percent: from where its stage begins to where the next one does.
FROM, TO = 30, 80


class BatchProgress:
    """Counts one job's finished pictures."""

    def __init__(self, job: Job, records: Records, progress: ProgressLog, *, done: int) -> None:
        """Count on from `done` pictures, which an earlier attempt finished."""
        self._job = job
        self._records = records
        self._progress = progress
        self._done = done
        self._in_turn = asyncio.Lock()

    async def one_more(self) -> None:
        """Show that a picture more is finished; where that can't be shown, the picture is worth more."""
        async with self._in_turn:
            self._done += 1
            percent = FROM + (TO - FROM) * self._done // len(self._job.pictures)
            try:
                # The picture is stored: no time limit may end its job because showing it takes long.
                with time_limits_paused():
                    await self._progress.publish(self._event(percent))
                    await self._records.session_progress(self._job.task_id, self._job.token, percent)
            except Unavailable as error:
                log.warning("batch_progress_not_shown", error=str(error))

    def _event(self, percent: int) -> Progress:
        job = self._job
        message = f"Rendering... {self._done} of {len(job.pictures)}"
        return Progress(
            status=Status.PROCESSING, progress=percent, message=message, task_id=job.task_id,
            session_id=job.session_id, stage=StageName.GENERATE.value, run=job.run, attempt=job.token,
        )  # fmt: skip
