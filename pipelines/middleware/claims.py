"""Claims: each message of a job is processed once, by the worker that claims the job with it."""

from __future__ import annotations

import dataclasses
import uuid

import structlog

from pipelines.engine.outcome import Drop, RetryStage, StageOutcome
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from pipelines.retrying.unavailable import retry_while_unavailable
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)


class Claims(StageMiddleware):
    """Claims the job of a fetched message in the database; drops messages that are outdated or were claimed before.

    A stage that follows another one in this process has no message: the job is this worker's already.
    """

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage with the token of the claim, if the job can be claimed."""
        if run.in_process:
            return await call_next(run)
        try:
            token = await self._claim(run)
        except Unavailable:
            # This worker stops while the database is unavailable: the message is for another one.
            return RetryStage(run.job)
        if token is None:
            log.info("message_dropped", token=run.job.token)
            return Drop()
        run.running_job.token = token
        return await call_next(dataclasses.replace(run, job=run.job.model_copy(update={"token": token})))

    async def _claim(self, run: StageRun) -> int | None:
        job, services, claim_id = run.job, run.services, uuid.uuid4().hex
        return await retry_while_unavailable(
            lambda: services.records.workers.claim(
                job.task_id, job.token, worker_id=services.worker_id, claim_id=claim_id
            ),
            give_up_if=lambda: run.running_job.handed_over,
        )
