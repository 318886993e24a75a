"""What operators read of a stage."""

from __future__ import annotations

import time

from pipelines.engine.outcome import Next, StageOutcome, StageRun


class Reporting:
    """Notes how long the stage took, for the line in the log that says how far the job was in_process."""

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
        started = time.perf_counter()
        outcome = await call_next(run)
        run.work.seconds[run.stage.value] = round(time.perf_counter() - started, 4)
        return outcome
