"""A stage may take so long and no longer."""

from __future__ import annotations

import asyncio

from pipelines.engine.steps import Delivery, Next, Step
from schemas.errors import TimedOut


class TimeLimit:
    """The soft limit, inside the stage. The hard one is the lease's: see `pipelines.engine.keeper`."""

    def __init__(self, soft_s: float) -> None:
        self._soft_s = soft_s

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        try:
            async with asyncio.timeout(self._soft_s) as limit:
                return await call_next(delivery)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimedOut(f"the {delivery.stage} stage took longer than {self._soft_s:g} s") from error
