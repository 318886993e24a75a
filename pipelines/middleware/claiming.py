"""A message is worked on once, and subscribers see that it is."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

import structlog

from pipelines.engine.claims import Claim, Claims
from pipelines.engine.registry import GIVES_UP
from pipelines.engine.steps import Delivery, Next, Nothing, Step
from pipelines.engine.unavailable import retry_while_unavailable
from pipelines.middleware.phases import phase
from providers.progress import ProgressLog
from schemas.common import StageName

log = structlog.get_logger(__name__)


class Claiming:
    """Drops messages that are stale, of an ended job, or delivered before; where Redis is away, it tries on.

    A stage that follows another one in this process came with no message. What ends or takes the job away meanwhile
    stops its work here.
    """

    def __init__(self, claims: Claims, progress: ProgressLog, *, patience_s: float) -> None:
        self._claims = claims
        self._progress = progress
        self._patience_s = patience_s

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        if not delivery.carried:
            found = await self._claim(delivery)
            if found is not Claim.CLAIMED:
                log.info("message_dropped", reason=found.value)
                return Nothing()
        event = phase(delivery)
        if event is not None:
            self._progress.post(event)
        return await call_next(delivery)

    async def _claim(self, delivery: Delivery) -> Claim:
        job, claimant = delivery.job, uuid.uuid4().hex

        def claim() -> Awaitable[Claim]:
            return self._claims.claim(
                job.task_id,
                job.token,
                delivery.message_id,
                claimant=claimant,
                after_end=delivery.stage is StageName.NOTIFY,
            )

        return await retry_while_unavailable(
            claim, timeout_s=self._patience_s, give_up_if=lambda: delivery.work.stop in GIVES_UP
        )
