"""Every log line of a job carries its ids."""

from __future__ import annotations

import structlog

from pipelines.engine.outcome import Drop, Next, StageOutcome, StageRun

log = structlog.get_logger(__name__)


class LogContext:
    """Binds request, task, session, stage and attempt, and lets no error leave unlogged."""

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
        job = run.job
        with structlog.contextvars.bound_contextvars(
            request_id=job.request_id,
            task_id=job.task_id,
            session_id=job.session_id,
            stage=run.stage.value,
            attempt=job.attempt,
            run=job.run,
        ):
            try:
                return await call_next(run)
            except Exception:
                # Drop is lost: nobody renews the lease now, and the job is driven again when it runs out.
                log.exception("stage_crashed_outside")
                return Drop()
