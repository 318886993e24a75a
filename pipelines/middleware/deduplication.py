"""Deduplication: each message of a job is processed once."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

import structlog

from pipelines.engine.claims import Claim
from pipelines.engine.outcome import Drop, StageOutcome
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from pipelines.retrying.unavailable import retry_while_unavailable
from schemas.common import StageName

log = structlog.get_logger(__name__)


class Deduplication(StageMiddleware):
    """Drops messages that are stale, of an ended job, or delivered before; retries while Redis is unavailable.

    A stage that follows another one in this process has no message to claim.
    """

    def __init__(self, *, timeout_s: float) -> None:
        """Retry a claim for `timeout_s` seconds."""
        self._timeout_s = timeout_s

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage if its message can be claimed.

        Raises:
            ClaimsUnavailable: Redis was unavailable for too long.
        """
        if not run.in_process:
            claim = await self._claim(run)
            if claim is not Claim.CLAIMED:
                log.info("message_dropped", reason=claim.value)
                return Drop()
        return await call_next(run)

    async def _claim(self, run: StageRun) -> Claim:
        job, claimant = run.job, uuid.uuid4().hex

        def claim() -> Awaitable[Claim]:
            return run.services.claims.claim(
                job.task_id,
                job.token,
                run.message_id,
                claimant=claimant,
                after_end=run.stage is StageName.NOTIFY,
            )

        return await retry_while_unavailable(
            claim, timeout_s=self._timeout_s, give_up_if=lambda: run.running_job.handed_over
        )
