"""What operators read of a stage."""

from __future__ import annotations

import time

import structlog

from pipelines.engine.steps import Delivery, Next, Step

log = structlog.get_logger(__name__)


class Reporting:
    """Logs how long the stage took."""

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        started = time.perf_counter()
        step = await call_next(delivery)
        log.info("stage_done", seconds=round(time.perf_counter() - started, 4))
        return step
