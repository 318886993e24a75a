"""A message is worked on once, and subscribers see that it is."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

import structlog

from pipelines.engine.claims import Claim, MessageClaims
from pipelines.engine.outcome import Drop, Next, StageOutcome, StageRun
from pipelines.engine.running_jobs import ABANDONS
from pipelines.engine.unavailable import retry_while_unavailable
from pipelines.middleware.phases import phase
from providers.progress import ProgressLog
from schemas.common import StageName

log = structlog.get_logger(__name__)


class Deduplication:
    """Drops messages that are stale, of an ended job, or delivered before; where Redis is away, it tries on.

    A stage that follows another one in this process came with no message. What ends or takes the job away meanwhile
    stops its work here.
    """

    def __init__(self, claims: MessageClaims, progress: ProgressLog, *, timeout_s: float) -> None:
        self._claims = claims
        self._progress = progress
        self._patience_s = timeout_s

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
        if not run.in_process:
            found = await self._claim(run)
            if found is not Claim.CLAIMED:
                log.info("message_dropped", reason=found.value)
                return Drop()
        event = phase(run)
        if event is not None:
            self._progress.post(event)
        return await call_next(run)

    async def _claim(self, run: StageRun) -> Claim:
        job, claimant = run.job, uuid.uuid4().hex

        def claim() -> Awaitable[Claim]:
            return self._claims.claim(
                job.task_id,
                job.token,
                run.message_id,
                claimant=claimant,
                after_end=run.stage is StageName.NOTIFY,
            )

        return await retry_while_unavailable(
            claim, timeout_s=self._patience_s, give_up_if=lambda: run.work.stop in ABANDONS
        )
