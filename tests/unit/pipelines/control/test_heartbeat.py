from __future__ import annotations

from typing import Any

import pytest

from pipelines.control.heartbeat import Heartbeat
from pipelines.engine.running_jobs import RunningJobs, StopReason
from providers.records.workers import Workers
from providers.redis_clients import async_client
from schemas.common import StageName
from schemas.records import WorkerInfo

WORKER = WorkerInfo(worker_id="w1", host="h", version=1, queues=None, slots=4)
LEASE_S, HARD_S = 20.0, 600.0


class Database:
    """Answers each heartbeat with the verdicts of the test."""

    def __init__(self, verdicts: dict[str, str] | None = None) -> None:
        self.verdicts = verdicts or {}
        self.named: list[dict[str, int | None]] = []

    async def call(self, function: str, **arguments: Any) -> Any:
        assert function == "darkroom_heartbeat"
        self.named.append(arguments["p_jobs"])
        return self.verdicts

    async def aclose(self) -> None:
        """Close nothing."""


def heartbeat(running_jobs: RunningJobs, database: Database) -> Heartbeat:
    return Heartbeat(
        WORKER, running_jobs, Workers(database), async_client("redis://127.0.0.1:1"), lease_s=LEASE_S, hard_s=HARD_S
    )


async def test_an_older_run_of_the_same_task_is_cancelled_and_the_newest_one_named() -> None:
    """Given a task that was recovered into the process that still runs it, only the newest run continues."""
    running_jobs, database = RunningJobs(), Database()
    with (
        running_jobs.track("t", StageName.GENERATE) as newest,
        running_jobs.track("t", StageName.GENERATE) as older,
    ):
        newest.token, older.token = 2, 1
        await heartbeat(running_jobs, database).run_once()

    assert (older.stop_reason, newest.stop_reason) == (StopReason.LOST, None)
    assert database.named == [{"t": 2}]


async def test_a_worker_without_jobs_sends_heartbeats_too() -> None:
    database = Database()
    await heartbeat(RunningJobs(), database).run_once()
    assert database.named == [{}]


@pytest.mark.parametrize(
    ("verdict", "stage", "reason"),
    [
        ("lost", StageName.GENERATE, StopReason.LOST),
        ("lost", StageName.NOTIFY, StopReason.LOST),
        ("ended", StageName.GENERATE, StopReason.ENDED),
        ("ended", StageName.NOTIFY, None),
    ],
)
async def test_a_job_that_is_not_this_workers_any_more_is_stopped(
    verdict: str, stage: StageName, reason: StopReason | None
) -> None:
    running_jobs = RunningJobs()
    with running_jobs.track("t", stage) as job, running_jobs.track("other", stage) as other:
        job.token, other.token = 2, 5
        await heartbeat(running_jobs, Database({"t": verdict})).run_once()

    assert (job.stop_reason, other.stop_reason) == (reason, None)


async def test_a_verdict_on_an_earlier_token_does_not_stop_the_job() -> None:
    """Given a job that is claimed while the heartbeat is on its way, then it is not stopped."""
    running_jobs = RunningJobs()
    with running_jobs.track("t", StageName.GENERATE) as job:

        class Claiming(Database):
            async def call(self, function: str, **arguments: Any) -> Any:
                job.token = 2
                return await super().call(function, **arguments)

        database = Claiming({"t": "lost"})
        await heartbeat(running_jobs, database).run_once()

    assert (database.named, job.stop_reason) == ([{"t": None}], None)


async def test_a_job_beyond_the_hard_limit_is_cancelled_and_given_up_if_that_does_not_end_it() -> None:
    """Given a stage that hangs, it has a lease to settle its failure; then the heartbeat does not name it any more."""
    running_jobs, database = RunningJobs(), Database()
    with running_jobs.track("t", StageName.GENERATE) as job:
        job.token = 1
        job.stage_started -= HARD_S + 1
        await heartbeat(running_jobs, database).run_once()
        job.stage_started -= LEASE_S
        await heartbeat(running_jobs, database).run_once()

    assert job.stop_reason is StopReason.OVERDUE
    assert database.named == [{"t": 1}, {}]
