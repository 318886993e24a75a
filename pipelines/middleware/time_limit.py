"""A stage may take so long and no longer."""

from __future__ import annotations

import asyncio

from pipelines.engine.outcome import Next, StageOutcome, StageRun
from pipelines.engine.stage_clock import StageClock
from schemas.errors import TimedOut


class TimeLimit:
    """The soft limit, inside the stage. The hard one is the lease's: see `pipelines.control.lease_renewer`.

    Neither counts the time in which the stage repeats a write because a service of ours is unavailable.
    """

    def __init__(self, soft_s: float) -> None:
        self._soft_s = soft_s

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
        try:
            async with asyncio.timeout(self._soft_s) as limit:
                with StageClock(run.work, limit).running():
                    return await call_next(run)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimedOut(f"the {run.stage} stage took longer than {self._soft_s:g} s") from error
