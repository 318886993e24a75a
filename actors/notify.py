"""The `notify` actor."""

from __future__ import annotations

from actors.services import Services
from pipelines.stages.notify import publish_outcome
from schemas.job import Job


async def notify(job: Job, services: Services) -> Job:
    """Publish the outcome and enqueue its deliveries."""
    return await publish_outcome(
        job,
        progress=services.progress,
        scratch=services.scratch,
        deliveries=services.records.outbox,
        releases=services.releases,
        wakeup=services.wakeup,
    )
