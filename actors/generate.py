"""The `generate` actor."""

from __future__ import annotations

from actors.app import services, stage
from schemas.common import StageName
from schemas.job import Job


@stage(StageName.GENERATE)
async def generate(job: Job) -> Job:
    """Have a provider make the pictures."""
    return await services().generate[job.product](job)
