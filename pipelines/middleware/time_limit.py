"""Time limit of a stage. A paid picture is not discarded because a service of ours was unavailable for long."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterator

from pipelines.engine.outcome import StageOutcome
from pipelines.engine.running_jobs import RunningJob
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from pipelines.retrying.stage_context import stage_clock
from schemas.errors import TimedOut


class TimeLimit(StageMiddleware):
    """Enforces the soft limit, inside the stage. `pipelines.control.heartbeat` enforces the hard one.

    Neither counts the time in which the stage repeats a write because a service of ours is unavailable.
    """

    def __init__(self, soft_s: float) -> None:
        """Limit every stage to `soft_s` seconds."""
        self._soft_s = soft_s

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage.

        Raises:
            TimedOut: The stage exceeded the soft limit.
        """
        try:
            async with asyncio.timeout(self._soft_s) as limit:
                with StageClock(run.running_job, limit).bind():
                    return await call_next(run)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimedOut(f"the {run.stage} stage took longer than {self._soft_s:g} s") from error


class StageClock:
    """Pauses both limits: the soft one, an `asyncio.Timeout`, and the hard one, which the running job measures."""

    def __init__(self, running_job: RunningJob, soft_limit: asyncio.Timeout) -> None:
        """Pause `running_job`, and `soft_limit`, which the caller has entered."""
        self._running_job = running_job
        self._soft_limit = soft_limit
        self._pauses = 0
        self._left_s = math.inf

    @contextlib.contextmanager
    def bind(self) -> Iterator[None]:
        """Make this the clock of the code in the block, and of the tasks it starts."""
        token = stage_clock.set(self)
        try:
            yield
        finally:
            stage_clock.reset(token)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock in the block; blocks may overlap."""
        self._pauses += 1
        if self._pauses == 1:
            self._pause()
        try:
            with self._running_job.paused():
                yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._resume()

    def _pause(self) -> None:
        until = self._soft_limit.when()
        if until is not None and not self._soft_limit.expired():
            self._left_s = until - asyncio.get_running_loop().time()
            self._soft_limit.reschedule(None)

    def _resume(self) -> None:
        if self._left_s < math.inf and not self._soft_limit.expired():
            self._soft_limit.reschedule(asyncio.get_running_loop().time() + self._left_s)
