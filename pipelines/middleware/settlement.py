"""Settlement: a final error fails the job and refunds its credits, in one transaction."""

from __future__ import annotations

import structlog

from pipelines.engine.outcome import Drop, NotifyOutcome, StageOutcome
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from pipelines.retrying.unavailable import retry_while_unavailable
from schemas.common import StageName
from schemas.errors import Cancelled, DarkroomError, Fenced
from schemas.job import Failure

log = structlog.get_logger(__name__)


class Settlement(StageMiddleware):
    """Fails the job when an error is final. `notify` runs after the outcome and never changes it."""

    def __init__(self, *, lease_s: float) -> None:
        """Expect `notify` of a failed job to be claimed within `lease_s` seconds."""
        self._lease_s = lease_s

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage and settle its final error.

        Raises:
            DarkroomError: From `notify`. From other stages: the database was unavailable until the job was lost.
        """
        try:
            return await call_next(run)
        except (Fenced, Cancelled) as error:
            log.info("job_fenced", code=error.error_code)
            return Drop()
        except DarkroomError as error:
            if run.stage is StageName.NOTIFY:
                raise
            return await self._settle(run, error)
        except Exception as error:
            if run.stage is StageName.NOTIFY:
                raise
            log.exception("stage_crashed")
            return await self._settle(run, DarkroomError(f"unexpected {type(error).__name__}"))

    async def _settle(self, run: StageRun, error: DarkroomError) -> StageOutcome:
        job = run.job
        failure = Failure(
            code=error.error_code,
            message=error.public_message,
            stage=run.stage,
            attempt=job.attempt,
            details=error.details,
        )
        settled = await retry_while_unavailable(
            lambda: run.services.records.fail(job.task_id, failure, token=job.token, lease_s=self._lease_s),
            give_up_if=lambda: run.running_job.handed_over,
        )
        log.warning(
            "job_failed", code=failure.code, error=str(error), refunded=settled.refunded, moved=settled.moved,
            report=error.report,
        )  # fmt: skip
        if not settled.moved:
            return Drop()
        return NotifyOutcome(job.model_copy(update={"failure": failure, "refunded": settled.refunded, "attempt": 0}))
