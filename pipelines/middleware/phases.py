"""What a subscriber is told as a stage begins."""

from __future__ import annotations

from pipelines.engine.outcome import StageRun
from schemas.common import StageName
from schemas.progress import Progress, Status

#: What each stage says when it begins, and how far the job is then, in percent.
PHASES: dict[StageName, tuple[int, str]] = {
    StageName.FETCH: (5, "Starting"),
    StageName.RESIZE: (15, "Processing"),
    StageName.GENERATE: (30, "Rendering..."),
    StageName.WATERMARK: (80, "Finishing"),
    StageName.UPLOAD: (90, "Uploading"),
}


def phase(run: StageRun) -> Progress | None:
    """The event, or None where the stage tells the outcome itself."""
    if run.stage not in PHASES:
        return None
    percent, message = PHASES[run.stage]
    job = run.job
    return Progress(
        status=Status.PROCESSING, progress=percent, message=message, task_id=job.task_id,
        session_id=job.session_id, stage=run.stage.value, run=job.run, attempt=job.token,
    )  # fmt: skip
