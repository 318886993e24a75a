"""Cancellation: a stage is stopped when its job ends elsewhere, is lost or overdue, or the worker shuts down."""

from __future__ import annotations

import asyncio

import structlog

from pipelines.engine.outcome import Drop, RetryStage, StageOutcome
from pipelines.engine.running_jobs import StopReason
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from schemas.errors import TimedOut

log = structlog.get_logger(__name__)


class Cancellation(StageMiddleware):
    """Maps the reason of a cancellation to an outcome. A job requeued at a shutdown uses up no attempt."""

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage so that `RunningJob.cancel` can cancel it.

        Raises:
            TimedOut: The stage exceeded the hard time limit.
        """
        try:
            run.running_job.bind_task()
            return await call_next(run)
        except asyncio.CancelledError:
            reason = run.running_job.stop_reason
            if reason is None:
                raise
            # A job that was cancelled before the stage began raised this without a cancelled task.
            if (task := asyncio.current_task()) and task.cancelling():
                task.uncancel()
            log.info("stage_stopped", reason=reason.value)
            if reason is StopReason.OVERDUE:
                raise TimedOut("the hard time limit ran out") from None
            if reason is StopReason.SHUTDOWN:
                return RetryStage(run.job)
            return Drop()
        finally:
            run.running_job.unbind_task()
