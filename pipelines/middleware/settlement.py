"""A final error ends the job: failed and refunded, in one transaction, once."""

from __future__ import annotations

import structlog

from pipelines.engine.outcome import Drop, Next, NotifyOutcome, StageOutcome, StageRun
from pipelines.engine.running_jobs import ABANDONS
from pipelines.engine.unavailable import retry_while_unavailable
from providers.records import Records
from schemas.common import StageName
from schemas.errors import Cancelled, DarkroomError, Fenced
from schemas.job import Failure

log = structlog.get_logger(__name__)


class Settlement:
    """Fails the job when its error is final. `notify` comes after the outcome and never changes it."""

    def __init__(self, records: Records, *, lease_s: float) -> None:
        self._records = records
        self._lease_s = lease_s

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
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
            lambda: self._records.fail(job.task_id, failure, token=job.token, lease_s=self._lease_s),
            give_up_if=lambda: run.work.stop in ABANDONS,
        )
        log.warning(
            "job_failed", code=failure.code, error=str(error), refunded=settled.refunded, moved=settled.moved,
            report=error.report,
        )  # fmt: skip
        if not settled.moved:
            return Drop()
        return NotifyOutcome(
            job.model_copy(update={"failure": failure, "refunded": settled.refunded, "attempt": 0, "delivery": 0})
        )
