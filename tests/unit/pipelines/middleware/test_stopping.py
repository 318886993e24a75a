from __future__ import annotations

import asyncio

import pytest

from pipelines.engine.outcome import Advance, RetryStage, StageOutcome, StageRun
from pipelines.engine.running_jobs import RunningJob, RunningJobs, StopReason
from pipelines.middleware.cancellation import Cancellation
from schemas.common import Product, StageName
from schemas.job import Job

JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")


async def no_stage(job: Job) -> Job:
    return job


def run(work: RunningJob) -> StageRun:
    return StageRun(StageName.GENERATE, JOB, "m1", work, no_stage)


async def test_a_halt_that_comes_as_the_stage_ends_does_not_reach_what_follows() -> None:
    """Given a stage that ended, when a halt from another thread arrives late, then the settlement is not cancelled."""
    with RunningJobs().track("t1", 1, StageName.GENERATE) as work:

        async def ends(_: StageRun) -> StageOutcome:
            # The halt is on its way to the loop as the stage ends.
            work.halt(StopReason.LOST)
            return Advance(JOB)

        async def stage_and_settlement() -> StageOutcome:
            outcome = await Cancellation()(run(work), ends)
            await asyncio.sleep(0.01)
            return outcome

        assert await asyncio.create_task(stage_and_settlement()) == Advance(JOB)


async def test_work_halted_before_its_stage_begins_is_handed_back_and_the_stage_not_begun() -> None:
    with RunningJobs().track("t1", 1, StageName.GENERATE) as work:
        work.halt(StopReason.SHUTDOWN)

        async def begins(_: StageRun) -> StageOutcome:
            pytest.fail("the stage began")

        async def stage_and_hand_on() -> StageOutcome:
            outcome = await Cancellation()(run(work), begins)
            await asyncio.sleep(0.01)
            return outcome

        outcome = await asyncio.create_task(stage_and_hand_on())

        assert outcome == RetryStage(JOB.model_copy(update={"delivery": 1}))
