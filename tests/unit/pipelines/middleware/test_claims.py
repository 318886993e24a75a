from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pipelines.engine.outcome import Advance, Drop, RetryStage, StageOutcome
from pipelines.engine.running_jobs import RunningJobs, StopReason
from pipelines.engine.stage_run import StageRun
from pipelines.middleware import Claims
from providers.records import Records
from providers.records.base import DatabaseUnavailable
from schemas.common import Product, StageName
from schemas.job import Job
from tests.unit.pipelines.stage_runs import stage_run

JOB = Job(product=Product.TRYON, task_id="t", session_id="s", owner_id="o", channel="b2c", request_id="r", token=3)


class Database:
    """Answers claims with `token`, after being unavailable for `failures` calls."""

    def __init__(self, token: int | None, failures: int = 0) -> None:
        self.token = token
        self.failures = failures
        self.claim_ids: list[str] = []

    async def call(self, function: str, **arguments: Any) -> Any:
        assert (function, arguments["p_worker_id"], arguments["p_token"]) == ("darkroom_claim", "w1", 3)
        self.claim_ids.append(arguments["p_claim_id"])
        self.failures -= 1
        if self.failures >= 0:
            raise DatabaseUnavailable(function)
        return self.token

    async def aclose(self) -> None:
        """Close nothing."""


async def run_stage(database: Database, *, in_process: bool = False, stop: bool = False) -> tuple[StageOutcome, Any]:
    async def advance(run: StageRun) -> StageOutcome:
        return Advance(run.job)

    with RunningJobs().track("t", StageName.FETCH) as running_job:
        if stop:
            running_job.cancel(StopReason.SHUTDOWN)
        run = stage_run(JOB, running_job, records=Records(database), worker_id="w1")
        run = dataclasses.replace(run, in_process=in_process)
        return await Claims().run_stage(run, advance), running_job.token


async def test_a_stage_runs_with_the_token_of_its_claim() -> None:
    assert await run_stage(Database(4)) == (Advance(JOB.model_copy(update={"token": 4})), 4)


async def test_a_message_that_was_claimed_before_is_dropped() -> None:
    assert await run_stage(Database(None)) == (Drop(), None)


async def test_a_stage_that_follows_another_one_in_this_process_claims_nothing() -> None:
    database = Database(4)
    assert (await run_stage(database, in_process=True))[0] == Advance(JOB)
    assert database.claim_ids == []


async def test_a_claim_is_repeated_under_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a database that is away, when the claim is repeated, one whose reply was lost succeeds again."""
    monkeypatch.setattr("pipelines.retrying.unavailable.FIRST_DELAY_S", 0.0)
    database = Database(4, failures=3)
    assert (await run_stage(database))[1] == 4
    assert (len(database.claim_ids), len(set(database.claim_ids))) == (4, 1)


async def test_a_worker_that_stops_while_the_database_is_away_requeues_the_message() -> None:
    assert await run_stage(Database(4, failures=99), stop=True) == (RetryStage(JOB), None)
