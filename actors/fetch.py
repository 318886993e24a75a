"""The `fetch` actor."""

from __future__ import annotations

from actors.services import Services
from pipelines.stages.fetch import fetch_inputs, fetch_results
from schemas.job import Job


async def fetch(job: Job, services: Services) -> Job:
    """Copy the input pictures; in a product that fetches after generating, copy the generated ones."""
    if job.inputs and not job.input_scratch:
        return await fetch_inputs(job, fetcher=services.fetcher, scratch=services.scratch)
    return await fetch_results(job, fetcher=services.result_fetcher, scratch=services.scratch)
