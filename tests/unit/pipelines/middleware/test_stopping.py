from __future__ import annotations

import asyncio

import pytest

from pipelines.engine.registry import Registry, Stop, Work
from pipelines.engine.steps import Again, Delivery, Forward, Step
from pipelines.middleware.stopping import Stopping
from schemas.common import Product, StageName
from schemas.job import Job

JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")


async def no_stage(job: Job) -> Job:
    return job


def delivery(work: Work) -> Delivery:
    return Delivery(StageName.GENERATE, JOB, "m1", work, no_stage)


async def test_a_halt_that_comes_as_the_stage_ends_does_not_reach_what_follows() -> None:
    """Given a stage that ended, when a halt from another thread arrives late, then the settlement is not cancelled."""
    with Registry().track("t1", 1, StageName.GENERATE) as work:

        async def ends(_: Delivery) -> Step:
            # The halt is on its way to the loop as the stage ends.
            work.halt(Stop.LOST)
            return Forward(JOB)

        async def stage_and_settlement() -> Step:
            step = await Stopping()(delivery(work), ends)
            await asyncio.sleep(0.01)
            return step

        assert await asyncio.create_task(stage_and_settlement()) == Forward(JOB)


async def test_work_halted_before_its_stage_begins_is_handed_back_and_the_stage_not_begun() -> None:
    with Registry().track("t1", 1, StageName.GENERATE) as work:
        work.halt(Stop.SHUTDOWN)

        async def begins(_: Delivery) -> Step:
            pytest.fail("the stage began")

        async def stage_and_hand_on() -> Step:
            step = await Stopping()(delivery(work), begins)
            await asyncio.sleep(0.01)
            return step

        step = await asyncio.create_task(stage_and_hand_on())

        assert step == Again(JOB.model_copy(update={"delivery": 1}))
