from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pipelines.engine.outcome import Advance, RetryStage, StageOutcome
from pipelines.engine.running_jobs import RunningJobs, StopReason
from pipelines.middleware import Cancellation
from schemas.common import Product, StageName
from schemas.job import Job
from tests.unit.pipelines.stage_runs import stage_run

if TYPE_CHECKING:
    from pipelines.engine.stage_run import StageRun

JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")


async def test_a_cancellation_that_arrives_as_the_stage_ends_does_not_cancel_what_follows() -> None:
    """Given a stage that ended, when a cancellation arrives late, then the settlement is not cancelled."""
    with RunningJobs().track("t1", StageName.GENERATE) as running_job:

        async def end(_: StageRun) -> StageOutcome:
            # The cancellation is on its way to the event loop while the stage ends.
            running_job.cancel(StopReason.LOST)
            return Advance(JOB)

        async def stage_and_settlement() -> StageOutcome:
            outcome = await Cancellation().run_stage(stage_run(JOB, running_job), end)
            await asyncio.sleep(0.01)
            return outcome

        assert await asyncio.create_task(stage_and_settlement()) == Advance(JOB)


async def test_a_job_cancelled_at_shutdown_before_its_stage_begins_is_requeued() -> None:
    with RunningJobs().track("t1", StageName.GENERATE) as running_job:
        running_job.cancel(StopReason.SHUTDOWN)

        async def begin(_: StageRun) -> StageOutcome:
            pytest.fail("the stage began")

        async def stage_and_enqueue() -> StageOutcome:
            outcome = await Cancellation().run_stage(stage_run(JOB, running_job), begin)
            await asyncio.sleep(0.01)
            return outcome

        outcome = await asyncio.create_task(stage_and_enqueue())

        assert outcome == RetryStage(JOB)
