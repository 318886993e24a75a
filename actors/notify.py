"""The `notify` actor."""

from __future__ import annotations

from actors.app import services, stage
from pipelines.stages.notify import notify_everybody
from schemas.common import StageName
from schemas.job import Job


@stage(StageName.NOTIFY)
async def notify(job: Job) -> Job:
    """Tell whoever waits for the outcome."""
    use = services()
    return await notify_everybody(
        job, progress=use.progress, scratch=use.scratch, deliveries=use.records.outbox, wakeup=use.wakeup
    )
