"""A stage may take so long and no longer."""

from __future__ import annotations

import asyncio

from pipelines.engine.stage_clock import StageClock
from pipelines.engine.steps import Delivery, Next, Step
from schemas.errors import TimedOut


class TimeLimit:
    """The soft limit, inside the stage. The hard one is the lease's: see `pipelines.engine.keeper`.

    Neither counts the time in which the stage repeats a write because a service of ours is unavailable.
    """

    def __init__(self, soft_s: float) -> None:
        self._soft_s = soft_s

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        try:
            async with asyncio.timeout(self._soft_s) as limit:
                with StageClock(delivery.work, limit).running():
                    return await call_next(delivery)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimedOut(f"the {delivery.stage} stage took longer than {self._soft_s:g} s") from error
