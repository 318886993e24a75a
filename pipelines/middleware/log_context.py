"""Log context: every log line of a stage run names its job."""

from __future__ import annotations

import structlog

from pipelines.engine.outcome import Drop, StageOutcome
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun

log = structlog.get_logger(__name__)


class LogContext(StageMiddleware):
    """Binds request, task, session, stage, attempt and run to all log lines; logs errors that nothing else handled."""

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage with the ids bound."""
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
                # Heartbeats don't name the job any more: it is given up and recovered.
                log.exception("stage_crashed_outside")
                return Drop()
