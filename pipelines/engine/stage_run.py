"""One run of one stage, and the base class of the middleware around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import dramatiq

from pipelines.engine.outcome import StageOutcome
from pipelines.engine.running_jobs import RunningJob, RunningJobs
from providers.metrics.recorder import Metrics
from providers.progress import ProgressLog
from providers.records import Records
from providers.scratch.cached import CachedScratch
from schemas.common import StageName
from schemas.job import Job


class StageServices(Protocol):
    """The connections of a worker process that the runner and the middleware use."""

    @property
    def records(self) -> Records:
        """The database."""

    @property
    def worker_id(self) -> str:
        """The id of this worker in the database."""

    @property
    def progress(self) -> ProgressLog:
        """Progress events for subscribers."""

    @property
    def metrics(self) -> Metrics:
        """Counters and histograms."""

    @property
    def scratch(self) -> CachedScratch:
        """Files of the running jobs."""

    @property
    def running_jobs(self) -> RunningJobs:
        """The jobs of this process."""

    def provider_calls(self) -> Mapping[str, int]:
        """Return the number of this process's calls in flight by provider."""


@dataclass(frozen=True)
class StageRun:
    """One run of one stage.

    Attributes:
        function: The stage, bound to the services it needs.
        in_process: Whether the previous stage ran in this process too, so that no message was fetched for this one.
    """

    stage: StageName
    job: Job
    running_job: RunningJob
    function: Callable[[Job], Awaitable[Job]]
    services: StageServices
    in_process: bool = False


Next = Callable[[StageRun], Coroutine[Any, Any, StageOutcome]]


class StageMiddleware(dramatiq.Middleware):
    """Dramatiq middleware that also wraps every stage run, in the order in which the broker lists it."""

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Return what follows the run, usually by awaiting `call_next(run)`."""
        return await call_next(run)
