from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.engine.outcome import Advance, Drop, RetryStage, StageOutcome
from pipelines.engine.running_jobs import RunningJobs
from pipelines.middleware import Retries, retries
from pipelines.retrying import retry_policy as policy
from providers.progress import ProgressLog
from providers.records import Records
from providers.records.base import DatabaseUnavailable
from providers.redis_clients import async_client
from schemas.common import Product, StageName
from schemas.errors import DarkroomError, RateLimited, Rejected, Transient, Unavailable
from schemas.job import Job
from tests.unit.pipelines.stage_runs import stage_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.engine.stage_run import Next, StageRun

JOB = Job(
    product=Product.TRYON, task_id="t", session_id="s", owner_id="o", channel="b2c", request_id="r", token=3, attempt=1
)


class Database:
    """Gives the same answer to every call, after being unavailable for `unavailable` calls; for ever if it is None."""

    def __init__(self, answer: Any, unavailable: int = 0) -> None:
        self.answer = answer
        self.unavailable = unavailable
        self.started: Callable[[], float] = lambda: 0.0
        self.started_at_calls: dict[str, float] = {}

    async def call(self, function: str, **_: Any) -> Any:
        self.started_at_calls[function] = self.started()
        self.unavailable -= 1
        if self.answer is None or self.unavailable >= 0:
            raise DatabaseUnavailable(function)
        return self.answer

    async def aclose(self) -> None:
        """Close nothing."""


async def run_with_retries(
    error: DarkroomError | Next, database: Any, stage: StageName = StageName.NOTIFY, job: Job = JOB
) -> StageOutcome:
    async def fail(_: StageRun) -> StageOutcome:
        assert isinstance(error, DarkroomError)
        raise error

    progress = ProgressLog(async_client("redis://127.0.0.1:1"), ttl_s=60)
    rpc = database if isinstance(database, Database) else Database(database)
    retries = Retries(max_retries=3, stuck_after_s=900)
    with RunningJobs().track("t", stage) as running_job:
        rpc.started = lambda: running_job.stage_started
        run = stage_run(job, running_job, records=Records(rpc), progress=progress)
        return await retries.run_stage(run, fail if isinstance(error, DarkroomError) else error)


@pytest.mark.parametrize(
    ("error", "stage"),
    [(Transient("once"), StageName.NOTIFY), (RateLimited("slower", retry_after=5), StageName.GENERATE)],
)
async def test_a_stage_is_retried_although_the_database_is_unavailable(error: DarkroomError, stage: StageName) -> None:
    outcome = await run_with_retries(error, None, stage, JOB.model_copy(update={"attempt": 0}))

    assert isinstance(outcome, RetryStage)
    assert (outcome.job.attempt, outcome.job.token) == (1, 3)


async def test_a_rate_limit_of_a_provider_is_shown_in_the_session() -> None:
    database = Database(answer={"t": "running"})

    outcome = await run_with_retries(
        RateLimited("slower", retry_after=5), database, StageName.GENERATE, JOB.model_copy(update={"attempt": 0})
    )

    assert isinstance(outcome, RetryStage)
    assert list(database.started_at_calls) == ["darkroom_mark_rate_limited"]


async def test_a_final_error_is_not_retried() -> None:
    with pytest.raises(Rejected):
        await run_with_retries(Rejected("refused"), {"t": "running"})


async def test_a_stage_waits_in_process_for_an_unavailable_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a full scratch store, when it accepts writes again, then the stage continues and has used up no attempt."""
    monkeypatch.setattr(policy, "UNAVAILABLE_DELAY_S", 0.01)
    job = JOB.model_copy(update={"attempt": 3})
    failures = [Unavailable("the scratch folder is full")] * 5

    async def fail(_: StageRun) -> StageOutcome:
        if failures:
            raise failures.pop()
        return Advance(job)

    assert await run_with_retries(fail, {"t": "running"}, StageName.GENERATE, job) == Advance(job)


async def test_a_stage_waits_for_an_unavailable_service_no_longer_than_the_limit_for_stuck_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a full scratch store and any clock, when it stays full beyond the limit, the error is final."""
    monkeypatch.setattr(policy, "UNAVAILABLE_DELAY_S", 0.0)
    now = itertools.count(0, 400)
    monkeypatch.setattr(retries, "time", SimpleNamespace(monotonic=lambda: next(now)))

    with pytest.raises(Unavailable):
        await run_with_retries(Unavailable("the scratch folder is full"), {"t": "running"}, StageName.GENERATE, JOB)

    assert next(now) > 900


async def test_a_job_over_budget_is_postponed_although_the_database_is_unavailable_at_first() -> None:
    """Given a job over budget, when postponing it fails at first, then that is retried and the job does not fail."""
    database = Database(answer=True, unavailable=2)
    job = JOB.model_copy(update={"attempt": 0})

    error = RateLimited(code="budget_exhausted", retry_after=3_000)
    assert await run_with_retries(error, database, StageName.GENERATE, job) == Drop()

    assert database.unavailable == -1


@pytest.mark.parametrize("retry_after", [5, 3_000])
async def test_the_hard_limit_is_paused_while_a_retry_is_recorded(retry_after: float) -> None:
    database = Database(answer=True)
    error = RateLimited(code="budget_exhausted", retry_after=retry_after)

    await run_with_retries(error, database, StageName.GENERATE)

    assert database.started_at_calls
    assert set(database.started_at_calls.values()) == {math.inf}
