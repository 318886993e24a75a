"""A message is worked on once, and subscribers see that it is."""

from __future__ import annotations

import structlog

from pipelines.engine.claims import Claim, Claims
from pipelines.engine.steps import Delivery, Next, Nothing, Step
from pipelines.middleware.phases import phase
from schemas.common import StageName

log = structlog.get_logger(__name__)


class Claiming:
    """Drops messages that are stale, of an ended job, or delivered before."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        job = delivery.job
        found = await self._claims.claim(
            job.task_id,
            job.token,
            delivery.message_id,
            after_end=delivery.stage is StageName.NOTIFY,
            event=phase(delivery),
        )
        if found is not Claim.CLAIMED:
            log.info("message_dropped", reason=found.value)
            return Nothing()
        return await call_next(delivery)
