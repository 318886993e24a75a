from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pipelines.engine.outcome import NotifyOutcome, StageOutcome
from pipelines.engine.running_jobs import RunningJobs
from pipelines.middleware import Settlement
from providers.records import Records
from schemas.common import Product, StageName
from schemas.errors import Rejected
from schemas.job import Job
from tests.unit.pipelines.stage_runs import stage_run

if TYPE_CHECKING:
    from pipelines.engine.running_jobs import RunningJob
    from pipelines.engine.stage_run import StageRun

JOB = Job(product=Product.TRYON, task_id="t", session_id="s", owner_id="o", channel="b2c", request_id="r", token=3)


class Database:
    """Settles every job, and keeps the start of the stage as it was meanwhile."""

    def __init__(self, running_job: RunningJob) -> None:
        self._running_job = running_job
        self.started_at_calls: list[tuple[str, float]] = []

    async def call(self, function: str, **_: Any) -> Any:
        self.started_at_calls.append((function, self._running_job.stage_started))
        return {"moved": True, "refunded": 1}

    async def aclose(self) -> None:
        """Close nothing."""


async def test_the_hard_limit_is_paused_while_a_job_is_settled() -> None:
    async def fail(_: StageRun) -> StageOutcome:
        raise Rejected("refused")

    with RunningJobs().track("t", StageName.GENERATE) as running_job:
        database = Database(running_job)
        run = stage_run(JOB, running_job, records=Records(database))
        outcome = await Settlement(lease_s=20).run_stage(run, fail)

        assert running_job.stage_started < math.inf
    assert isinstance(outcome, NotifyOutcome)
    assert database.started_at_calls == [("darkroom_fail", math.inf)]
