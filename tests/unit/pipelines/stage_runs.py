"""Stage runs for tests of the engine and the middleware."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from pipelines.engine.stage_run import StageRun

if TYPE_CHECKING:
    from pipelines.engine.running_jobs import RunningJob
    from pipelines.engine.stage_run import StageServices
    from schemas.job import Job


def stage_services(**services: Any) -> StageServices:
    """Return only the services that the test needs."""
    return cast("StageServices", SimpleNamespace(**services))


def stage_run(job: Job, running_job: RunningJob, **services: Any) -> StageRun:
    """Return a run of the running stage, whose function returns its job."""

    async def function(job: Job) -> Job:
        return job

    return StageRun(running_job.stage, job, running_job, function, stage_services(**services))
