"""The `upload` actor."""

from __future__ import annotations

from actors.services import Services
from pipelines.stages.upload import upload_pictures
from schemas.job import Job


async def upload(job: Job, services: Services) -> Job:
    """Store the pictures; the commit of this stage completes the job."""
    return await upload_pictures(
        job,
        scratch=services.scratch,
        storage=services.storage,
        records=services.records,
    )
