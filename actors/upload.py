"""The `upload` actor."""

from __future__ import annotations

from actors.app import services, settings, stage
from pipelines.stages.upload import upload_pictures
from schemas.common import StageName
from schemas.job import Job


@stage(StageName.UPLOAD)
async def upload(job: Job) -> Job:
    """Store the pictures; the commit of this stage completes the job."""
    use = services()
    return await upload_pictures(
        job, scratch=use.scratch, storage=use.storage, records=use.records, lease_s=settings.lease_s
    )
