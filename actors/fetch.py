"""The `fetch` actor."""

from __future__ import annotations

from actors.app import services, stage
from pipelines.stages.fetch import fetch_inputs, fetch_results
from schemas.common import StageName
from schemas.job import Job


@stage(StageName.FETCH)
async def fetch(job: Job) -> Job:
    """Copy the input pictures, or after the generation what the provider made."""
    use = services()
    if job.inputs and not job.input_scratch:
        return await fetch_inputs(job, fetcher=use.fetcher, scratch=use.scratch)
    return await fetch_results(job, fetcher=use.result_fetcher, scratch=use.scratch)
