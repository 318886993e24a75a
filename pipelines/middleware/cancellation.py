"""Work can be stopped: its job was cancelled or lost, it is overdue, or the worker is asked to leave."""

from __future__ import annotations

import asyncio

import structlog

from pipelines.engine.outcome import Drop, Next, RetryStage, StageOutcome, StageRun
from pipelines.engine.running_jobs import StopReason
from schemas.errors import TimedOut

log = structlog.get_logger(__name__)


class Cancellation:
    """Turns a stop into what should follow it. A worker that leaves hands its work back and uses up no attempt."""

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
        try:
            run.work.attach()
            return await call_next(run)
        except asyncio.CancelledError:
            reason = run.work.stop
            if reason is None:
                raise
            # Stopped before it began, the task was not cancelled.
            if (task := asyncio.current_task()) and task.cancelling():
                task.uncancel()
            log.info("stage_stopped", reason=reason.value)
            if reason is StopReason.OVERDUE:
                raise TimedOut("the hard time limit ran out") from None
            if reason is StopReason.SHUTDOWN:
                return RetryStage(run.job.model_copy(update={"delivery": run.job.delivery + 1}))
            return Drop()
        finally:
            run.work.detach()
