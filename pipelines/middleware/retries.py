"""A passing error is tried again, as the policy says."""

from __future__ import annotations

import asyncio
import time

import structlog

from pipelines.engine.outcome import Drop, Next, RetryStage, StageOutcome, StageRun
from pipelines.engine.retry_policy import RATE_LIMIT_MAX_DELAY_S, Retry, decide
from pipelines.engine.unavailable import retry_while_unavailable
from providers.progress import ProgressLog
from providers.records import Records
from schemas.common import StageName
from schemas.errors import DarkroomError, RateLimited, Unavailable
from schemas.progress import Progress, Status

log = structlog.get_logger(__name__)

HELD = "Rate limited, retrying..."


class Retries:
    """Puts the stage back with a delay, its lease long enough to cover it.

    A stage that finds a service of ours unavailable is tried again in place, for as long as a job may be stuck: it had
    paid for nothing yet, or what it paid for is in the journal.
    """

    def __init__(
        self, records: Records, progress: ProgressLog, *, max_retries: int, lease_s: float, stuck_after_s: float
    ) -> None:
        self._records = records
        self._progress = progress
        self._max_retries = max_retries
        self._lease_s = lease_s
        self._stuck_after_s = stuck_after_s

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
        waiting = False
        while True:
            try:
                return await self._attempt(run, call_next)
            except DarkroomError as error:
                decision = decide(error, run.job.attempt, max_retries=self._max_retries)
                if not isinstance(decision, Retry) or self._is_stuck(run, error):
                    raise
                if not isinstance(error, Unavailable):
                    return await self._again(run, error, decision)
                if not waiting:
                    log.warning("waiting_for_service", code=error.error_code, error=str(error))
                waiting = True
            # Not through the queue: what the job holds in memory may be what can't be stored. Its lease is kept here.
            await asyncio.sleep(decision.delay_s)
            run.work.enter(run.stage)

    async def _attempt(self, run: StageRun, call_next: Next) -> StageOutcome:
        job = run.job
        if job.attempt and run.stage is not StageName.NOTIFY:
            await self._records.mark_rate_limited(job.task_id, job.token, None)
        return await call_next(run)

    def _is_stuck(self, run: StageRun, error: DarkroomError) -> bool:
        """Return whether the job waited too long for a service of ours. An outcome is published however late."""
        age_s = time.time() - run.job.started_ms / 1000
        return isinstance(error, Unavailable) and run.stage is not StageName.NOTIFY and age_s > self._stuck_after_s

    async def _again(self, run: StageRun, error: DarkroomError, retry: Retry) -> StageOutcome:
        job, delay_s = run.job, retry.delay_s
        if not retry.counted and delay_s > RATE_LIMIT_MAX_DELAY_S:
            # Too long to hold a place: it waits where everybody waits.
            log.info("job_postponed", code=error.error_code, delay_s=round(delay_s))
            await retry_while_unavailable(lambda: self._records.postpone(job.task_id, job.token, delay_s, HELD))
            return Drop()
        log.warning("stage_retried", code=error.error_code, error=str(error), delay_s=round(delay_s, 1))
        try:
            if not await self._announce(run, error, delay_s):
                return Drop()
        except Unavailable as away:
            # The same outage may be why the stage is tried again. A lease that runs out meanwhile brings the job back.
            log.warning("retry_not_announced", error=str(away))
        again = {"attempt": job.attempt + 1, "delivery": 0} if retry.counted else {"delivery": job.delivery + 1}
        return RetryStage(job.model_copy(update=again), delay_s)

    async def _announce(self, run: StageRun, error: DarkroomError, delay_s: float) -> bool:
        """Cover the delay with the lease and show a rate limit to the user; false if the job is another's by now."""
        job = run.job
        held = await self._records.renew_leases({job.task_id: job.token}, delay_s + self._lease_s)
        if job.task_id not in held:
            return False
        if isinstance(error, RateLimited) and run.stage is not StageName.NOTIFY:
            await self._records.mark_rate_limited(job.task_id, job.token, HELD)
            await self._progress.publish(
                Progress(
                    status=Status.PENDING, progress=0, message=HELD, task_id=job.task_id, session_id=job.session_id,
                    stage=run.stage.value, run=job.run, attempt=job.token,
                )
            )  # fmt: skip
        return True
