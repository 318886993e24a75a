"""Repeated writes outlast every time limit and end with the job."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from pipelines.engine.outcome import Advance, StageOutcome
from pipelines.engine.running_jobs import RunningJob
from pipelines.middleware import TimeLimit
from pipelines.retrying import unavailable
from pipelines.retrying.stage_context import time_limits_paused
from pipelines.retrying.unavailable import finish_when_cancelled, retry_while_unavailable
from schemas.common import Product, StageName
from schemas.errors import Rejected, TimedOut, Unavailable
from schemas.job import Job
from tests.unit.pipelines.stage_runs import stage_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pipelines.engine.stage_run import StageRun

JOB = Job(product=Product.TRYON, task_id="t", session_id="s", owner_id="o", channel="b2c", request_id="r")


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unavailable, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(unavailable, "MAX_DELAY_S", 0.02)


class Service:
    """Is unavailable for `failures` calls."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def call(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise Unavailable("no connection")
        return "written"


async def in_stage(write: Callable[[], Awaitable[object]], running_job: RunningJob, soft_s: float) -> StageOutcome:
    """Run a coroutine function as a stage with a soft limit."""

    async def call_next(run: StageRun) -> StageOutcome:
        await write()
        return Advance(run.job)

    return await TimeLimit(soft_s).run_stage(stage_run(JOB, running_job), call_next)


async def test_a_write_is_repeated_until_its_service_answers() -> None:
    service = Service(failures=20)
    assert await retry_while_unavailable(service.call) == "written"
    assert service.calls == 21


async def test_any_other_error_is_raised_at_once() -> None:
    async def refuse() -> None:
        raise Rejected("no")

    with pytest.raises(Rejected):
        await retry_while_unavailable(refuse)


async def test_a_write_is_given_up_on_request_or_after_its_timeout() -> None:
    with pytest.raises(Unavailable):
        await retry_while_unavailable(Service(failures=9).call, give_up_if=lambda: True)
    with pytest.raises(Unavailable):
        await retry_while_unavailable(Service(failures=9).call, timeout_s=0)


async def test_the_soft_limit_does_not_count_the_time_a_write_is_repeated() -> None:
    service = Service(failures=50)  # for a second
    outcome = await in_stage(
        lambda: retry_while_unavailable(service.call), RunningJob("t", StageName.UPLOAD), soft_s=0.6
    )
    assert isinstance(outcome, Advance)


async def test_the_hard_limit_does_not_count_the_time_a_write_is_repeated() -> None:
    started = time.monotonic()
    running_job = RunningJob("t", StageName.UPLOAD)
    seen: list[float] = []

    async def write() -> None:
        with time_limits_paused():
            seen.append(time.monotonic() - running_job.stage_started)

    await in_stage(write, running_job, soft_s=60)

    assert seen[0] < 0
    assert started <= running_job.stage_started <= time.monotonic()


async def test_the_limits_count_again_after_the_write() -> None:
    async def write_and_hang() -> None:
        await retry_while_unavailable(Service(failures=5).call)
        await asyncio.sleep(10)

    with pytest.raises(TimedOut):
        await in_stage(write_and_hang, RunningJob("t", StageName.UPLOAD), soft_s=0.05)


async def test_a_write_in_progress_is_finished_although_its_job_is_requeued() -> None:
    written = asyncio.Event()
    begun = asyncio.Event()

    async def write() -> None:
        begun.set()
        await asyncio.sleep(0.05)
        written.set()

    task = asyncio.create_task(finish_when_cancelled(write()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert written.is_set()


async def test_a_write_that_does_not_finish_delays_no_shutdown() -> None:
    task = asyncio.create_task(finish_when_cancelled(asyncio.sleep(60), grace_s=0.05))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
