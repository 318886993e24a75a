"""Retries: a transient error runs the stage again, as the retry policy says."""

from __future__ import annotations

import asyncio
import time

import structlog

from pipelines.engine.outcome import Drop, RetryStage, StageOutcome
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from pipelines.retrying.retry_policy import RATE_LIMIT_MAX_DELAY_S, Retry, decide
from pipelines.retrying.stage_context import time_limits_paused
from pipelines.retrying.unavailable import retry_while_unavailable
from schemas.common import StageName
from schemas.errors import DarkroomError, RateLimited, Unavailable
from schemas.progress import Progress, Status

log = structlog.get_logger(__name__)

RATE_LIMITED_MESSAGE = "Rate limited, retrying..."


class Retries(StageMiddleware):
    """Enqueues the stage again with a delay.

    A stage that finds a service of ours unavailable is retried in this process, for `stuck_after_s` at most: either it
    has paid for nothing yet, or the journal holds what it has paid for.
    """

    def __init__(self, *, max_retries: int, stuck_after_s: float) -> None:
        """Retry transient errors.

        Args:
            max_retries: Retries of a stage after its first attempt.
            stuck_after_s: Longest time that a stage waits for an unavailable service, seconds.
        """
        self._max_retries = max_retries
        self._stuck_after_s = stuck_after_s

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage until it ends, or its error is final or retried through the queue.

        Raises:
            DarkroomError: The error is final.
        """
        waiting_since: float | None = None
        while True:
            try:
                return await self._attempt(run, call_next)
            except DarkroomError as error:
                decision = decide(error, run.job.attempt, max_retries=self._max_retries)
                if not isinstance(decision, Retry):
                    raise
                if not isinstance(error, Unavailable):
                    return await self._retry_later(run, error, decision)
                if waiting_since is None:
                    waiting_since = time.monotonic()
                    log.warning("waiting_for_service", code=error.error_code, error=str(error))
                # An outcome is published however late.
                if run.stage is not StageName.NOTIFY and time.monotonic() - waiting_since > self._stuck_after_s:
                    raise
            # Not through the queue: the unavailable store may be the one for the files that the job has in memory.
            await asyncio.sleep(decision.delay_s)
            run.running_job.begin_stage(run.stage)

    async def _attempt(self, run: StageRun, call_next: Next) -> StageOutcome:
        job = run.job
        if job.attempt and run.stage is not StageName.NOTIFY:
            with time_limits_paused():
                await run.services.records.mark_rate_limited(job.task_id, job.token, None)
        return await call_next(run)

    async def _retry_later(self, run: StageRun, error: DarkroomError, retry: Retry) -> StageOutcome:
        job, delay_s = run.job, retry.delay_s
        if not retry.counted and delay_s > RATE_LIMIT_MAX_DELAY_S:
            # Too long to stay dispatched: the job waits in the table again.
            log.info("job_postponed", code=error.error_code, delay_s=round(delay_s))
            await retry_while_unavailable(
                lambda: run.services.records.postpone(job.task_id, job.token, delay_s, RATE_LIMITED_MESSAGE)
            )
            return Drop()
        log.warning("stage_retried", code=error.error_code, error=str(error), delay_s=round(delay_s, 1))
        try:
            with time_limits_paused():
                await self._show_rate_limit(run, error)
        except Unavailable as unavailable:
            # The stage may be retried because of the same outage.
            log.warning("retry_not_announced", error=str(unavailable))
        update = {"attempt": job.attempt + 1} if retry.counted else {}
        return RetryStage(job.model_copy(update=update), delay_s)

    async def _show_rate_limit(self, run: StageRun, error: DarkroomError) -> None:
        job, services = run.job, run.services
        if isinstance(error, RateLimited) and run.stage is not StageName.NOTIFY:
            await services.records.mark_rate_limited(job.task_id, job.token, RATE_LIMITED_MESSAGE)
            await services.progress.publish(
                Progress(
                    status=Status.PENDING, progress=0, message=RATE_LIMITED_MESSAGE, task_id=job.task_id,
                    session_id=job.session_id, stage=run.stage.value, run=job.run, attempt=job.token,
                )
            )  # fmt: skip
