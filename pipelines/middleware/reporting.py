"""What a subscriber sees of a stage."""

from __future__ import annotations

import time

import structlog

from pipelines.engine.steps import Delivery, Next, Step
from pipelines.products import PRODUCTS
from providers.progress import ProgressLog, ProgressUnavailable
from schemas.common import StageName
from schemas.progress import Progress, Status

log = structlog.get_logger(__name__)

#: What each stage says when it begins, and how far the job is then, in percent.
PHASES: dict[StageName, tuple[int, str]] = {
    StageName.FETCH: (5, "Starting"),
    StageName.RESIZE: (15, "Processing"),
    StageName.GENERATE: (30, "Rendering..."),
    StageName.WATERMARK: (80, "Finishing"),
    StageName.UPLOAD: (90, "Uploading"),
}


class Reporting:
    """Publishes the phase before the stage, and logs how long it took after it."""

    def __init__(self, progress: ProgressLog) -> None:
        self._progress = progress

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        await self._publish(delivery)
        started = time.perf_counter()
        step = await call_next(delivery)
        log.info("stage_done", seconds=round(time.perf_counter() - started, 4))
        return step

    async def _publish(self, delivery: Delivery) -> None:
        first = PRODUCTS[delivery.job.product].stages[0]
        if delivery.stage not in PHASES or (delivery.stage is StageName.FETCH and first is not StageName.FETCH):
            return
        percent, message = PHASES[delivery.stage]
        job = delivery.job
        event = Progress(
            status=Status.PROCESSING, progress=percent, message=message, task_id=job.task_id,
            session_id=job.session_id, stage=delivery.stage.value, run=job.run, attempt=job.token,
        )  # fmt: skip
        try:
            await self._progress.publish(event)
        except ProgressUnavailable as error:
            # A picture is worth more than its progress bar.
            log.warning("progress_not_published", error=str(error))
