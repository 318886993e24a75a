"""What a subscriber is told as a stage begins."""

from __future__ import annotations

from pipelines.engine.outcome import StageRun
from pipelines.products import PRODUCTS
from schemas.common import Product, StageName
from schemas.progress import Progress, Status

#: What each stage says when it begins, and how far the job is then, in percent.
PHASES: dict[StageName, tuple[int, str]] = {
    StageName.FETCH: (5, "Starting"),
    StageName.RESIZE: (15, "Processing"),
    StageName.GENERATE: (30, "Rendering..."),
    StageName.WATERMARK: (80, "Finishing"),
    StageName.UPLOAD: (90, "Uploading"),
}
#: What fetching says where it fetches what was generated.
FETCH_RESULT = (70, "Processing")


def phase_of(product: Product, stage: StageName) -> tuple[int, str] | None:
    """Return how far a job of `product` is when `stage` begins, in percent, and the message; None if it has none."""
    stages = PRODUCTS[product].stages
    if stage is StageName.FETCH and stages.index(StageName.FETCH) > stages.index(StageName.GENERATE):
        return FETCH_RESULT
    return PHASES.get(stage)


def phase(run: StageRun) -> Progress | None:
    """The event, or None where the stage tells the outcome itself."""
    job = run.job
    found = phase_of(job.product, run.stage)
    if found is None:
        return None
    percent, message = found
    return Progress(
        status=Status.PROCESSING, progress=percent, message=message, task_id=job.task_id,
        session_id=job.session_id, stage=run.stage.value, run=job.run, attempt=job.token,
    )  # fmt: skip
