"""A message is worked on once, and subscribers see that it is."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

import structlog

from pipelines.engine.claims import Claim, Claims
from pipelines.engine.insist import insist
from pipelines.engine.registry import GIVES_UP
from pipelines.engine.steps import Delivery, Next, Nothing, Step
from pipelines.middleware.phases import phase
from schemas.common import StageName

log = structlog.get_logger(__name__)


class Claiming:
    """Drops messages that are stale, of an ended job, or delivered before; where Redis is away, it tries on."""

    def __init__(self, claims: Claims, *, patience_s: float) -> None:
        self._claims = claims
        self._patience_s = patience_s

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        job, claimant, event = delivery.job, uuid.uuid4().hex, phase(delivery)

        def claim() -> Awaitable[Claim]:
            return self._claims.claim(
                job.task_id,
                job.token,
                delivery.message_id,
                claimant=claimant,
                after_end=delivery.stage is StageName.NOTIFY,
                event=event,
            )

        found = await insist(claim, patience_s=self._patience_s, unless=lambda: delivery.work.stop in GIVES_UP)
        if found is not Claim.CLAIMED:
            log.info("message_dropped", reason=found.value)
            return Nothing()
        return await call_next(delivery)
