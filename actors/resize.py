"""The `resize` actor."""

from __future__ import annotations

from actors.services import Services
from pipelines.stages.resize import resize_inputs
from schemas.job import Job


async def resize(job: Job, services: Services) -> Job:
    """Make small JPEGs without metadata of the input pictures."""
    return await resize_inputs(
        job,
        scratch=services.scratch,
        decoders=services.decoders,
        max_px=services.settings.input_max_px,
        max_pixels=services.settings.fetch_max_pixels,
    )
