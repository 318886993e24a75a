"""The `resize` actor."""

from __future__ import annotations

from actors.app import services, settings, stage
from pipelines.stages.resize import resize_inputs
from schemas.common import StageName
from schemas.job import Job


@stage(StageName.RESIZE)
async def resize(job: Job) -> Job:
    """Make small plain JPEGs of the inputs."""
    use = services()
    return await resize_inputs(
        job,
        scratch=use.scratch,
        image_executor=use.image_executor,
        max_px=settings.input_max_px,
        max_pixels=settings.fetch_max_pixels,
    )
