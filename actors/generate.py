"""The `generate` actor."""

from __future__ import annotations

from actors.services import Services
from schemas.job import Job


async def generate(job: Job, services: Services) -> Job:
    """Have a provider make the pictures."""
    return await services.generate[job.product](job)
