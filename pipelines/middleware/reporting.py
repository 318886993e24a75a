"""What operators read of a stage."""

from __future__ import annotations

import time

from pipelines.engine.steps import Delivery, Next, Step


class Reporting:
    """Notes how long the stage took, for the line in the log that says how far the job was carried."""

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        started = time.perf_counter()
        step = await call_next(delivery)
        delivery.work.seconds[delivery.stage.value] = round(time.perf_counter() - started, 4)
        return step
