from __future__ import annotations

import time
from typing import Any

import pytest

from pipelines.engine import retry_policy as policy
from pipelines.engine.outcome import Advance, Drop, Next, RetryStage, StageOutcome, StageRun
from pipelines.engine.running_jobs import RunningJob
from pipelines.middleware import Retries
from providers.progress import ProgressLog
from providers.records import Records
from providers.records.base import DatabaseUnavailable
from providers.redis_clients import async_client
from schemas.common import Product, StageName
from schemas.errors import DarkroomError, RateLimited, Rejected, Transient, Unavailable
from schemas.job import Job

JOB = Job(
    product=Product.TRYON, task_id="t", session_id="s", owner_id="o", channel="b2c", request_id="r", token=3, attempt=1
)


class Database:
    """Answers every call alike, or not at all, or only after so many calls."""

    def __init__(self, answer: Any, away: int = 0) -> None:
        self.answer = answer
        self.away = away

    async def call(self, function: str, **_: Any) -> Any:
        self.away -= 1
        if self.answer is None or self.away >= 0:
            raise DatabaseUnavailable(function)
        return self.answer

    async def aclose(self) -> None:
        """It holds nothing."""


async def tried(
    error: DarkroomError | Next, database: Any, stage: StageName = StageName.NOTIFY, job: Job = JOB
) -> StageOutcome:
    async def fails(_: StageRun) -> StageOutcome:
        assert isinstance(error, DarkroomError)
        raise error

    progress = ProgressLog(async_client("redis://127.0.0.1:1"), ttl_s=60)
    rpc = database if isinstance(database, Database) else Database(database)
    retries = Retries(Records(rpc), progress, max_retries=3, lease_s=20, stuck_after_s=900)
    work = RunningJob("t", 3, stage)

    async def run(job: Job) -> Job:
        return job

    return await retries(StageRun(stage, job, "m", work, run), fails if isinstance(error, DarkroomError) else error)


@pytest.mark.parametrize("error", [Transient("once"), RateLimited("slower", retry_after=5)])
async def test_a_stage_is_tried_again_although_the_database_is_away(error: DarkroomError) -> None:
    outcome = await tried(error, None)

    assert isinstance(outcome, RetryStage)
    assert (outcome.job.attempt, outcome.job.token) == (2, 3)


async def test_a_job_that_another_worker_owns_is_left_to_it() -> None:
    assert await tried(Transient("once"), {}) == Drop()


async def test_what_never_passes_is_not_tried_again() -> None:
    with pytest.raises(Rejected):
        await tried(Rejected("refused"), {"t": "running"})


async def test_a_stage_waits_in_place_for_a_service_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a full scratch store, when it takes writes again, the stage goes on and has used up no try."""
    monkeypatch.setattr(policy, "UNAVAILABLE_DELAY_S", 0.01)
    job = JOB.model_copy(update={"attempt": 3, "started_ms": round(time.time() * 1000)})
    failures = [Unavailable("the scratch folder is full")] * 5

    async def fails(_: StageRun) -> StageOutcome:
        if failures:
            raise failures.pop()
        return Advance(job)

    assert await tried(fails, {"t": "running"}, StageName.GENERATE, job) == Advance(job)


async def test_a_job_waits_for_a_service_of_ours_no_longer_than_it_may_be_stuck() -> None:
    job = JOB.model_copy(update={"started_ms": round((time.time() - 901) * 1000)})

    with pytest.raises(Unavailable):
        await tried(Unavailable("the scratch folder is full"), {"t": "running"}, StageName.GENERATE, job)


async def test_a_job_over_budget_goes_back_to_the_waiting_room_although_the_database_is_away_at_first() -> None:
    """Given a job without a call, when it can't be put back at once, then that is tried again and it does not fail."""
    database = Database(answer=True, away=2)
    job = JOB.model_copy(update={"attempt": 0})

    error = RateLimited(code="budget_exhausted", retry_after=3_000)
    assert await tried(error, database, StageName.GENERATE, job) == Drop()

    assert database.away == -1
