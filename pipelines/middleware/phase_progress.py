"""Phase progress: subscribers see when a stage begins."""

from __future__ import annotations

from pipelines.engine.outcome import StageOutcome
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from pipelines.products import PRODUCTS
from schemas.common import Product, StageName
from schemas.progress import Progress, Status

#: Progress in percent and message of each stage when it begins.
PHASES: dict[StageName, tuple[int, str]] = {
    StageName.FETCH: (5, "Starting"),
    StageName.RESIZE: (15, "Processing"),
    StageName.GENERATE: (30, "Rendering..."),
    StageName.WATERMARK: (80, "Finishing"),
    StageName.UPLOAD: (90, "Uploading"),
}
#: The same for a fetch stage that copies the generated picture.
FETCH_RESULT = (70, "Processing")


class PhaseProgress(StageMiddleware):
    """Publishes a progress event when a stage begins, without waiting for Redis."""

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Publish the event of the stage, if it has one, and run the stage."""
        phase = phase_of(run.job.product, run.stage)
        if phase is not None:
            run.services.progress.post(_event(run, *phase))
        return await call_next(run)


def phase_of(product: Product, stage: StageName) -> tuple[int, str] | None:
    """Return progress and message of a job of `product` when `stage` begins; None if `stage` publishes the outcome."""
    stages = PRODUCTS[product].stages
    if stage is StageName.FETCH and stages.index(StageName.FETCH) > stages.index(StageName.GENERATE):
        return FETCH_RESULT
    return PHASES.get(stage)


def _event(run: StageRun, percent: int, message: str) -> Progress:
    job = run.job
    return Progress(
        status=Status.PROCESSING, progress=percent, message=message, task_id=job.task_id,
        session_id=job.session_id, stage=run.stage.value, run=job.run, attempt=job.token,
    )  # fmt: skip
