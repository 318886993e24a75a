"""Progress of a batch, published to its session and subscribers after each picture."""

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

#: Overall progress at the start and the end of the stage `generate`, in percent.
START_PERCENT, END_PERCENT = 30, 80


class BatchProgress:
    """Counter of a job's finished pictures."""

    def __init__(self, job: Job, records: Records, progress: ProgressLog, *, done: int) -> None:
        """Start at `done` pictures, which earlier attempts finished."""
        self._job = job
        self._records = records
        self._progress = progress
        self._done = done
        self._lock = asyncio.Lock()

    async def picture_finished(self) -> None:
        """Count a picture and publish the progress; log an unavailable service instead of failing the stage."""
        async with self._lock:
            self._done += 1
            percent = START_PERCENT + (END_PERCENT - START_PERCENT) * self._done // len(self._job.pictures)
            try:
                # The picture is stored: a slow update must not make its job exceed a time limit.
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
