"""Stages that follow each other in one process, and when they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from dramatiq import Message, pipeline

from pipelines.engine.dramatiq_redis.broker import job_message
from pipelines.engine.outcome import Advance, Next, NotifyOutcome, RetryStage, StageOutcome, StageRun
from pipelines.engine.runner import run_stages
from pipelines.engine.running_jobs import RunningJobs
from pipelines.engine.slots import Slot, SlotPool
from schemas.common import Product, StageName
from schemas.job import Failure, Job

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ORDER = (StageName.FETCH, StageName.RESIZE, StageName.UPLOAD)
JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")


def caching() -> Message[Any]:
    """The first stage's message as a worker has it, the others behind it."""
    later = [Message[Any](queue_name=name, actor_name=name, args=(), kwargs={}, options={}) for name in ORDER[1:]]
    first = pipeline([job_message(ORDER[0], JOB), *later]).messages[0]
    first.options["redis_message_id"] = "m1"
    return first


def slots(*queues: StageName, limit: int = 1) -> SlotPool:
    made = SlotPool(dict.fromkeys(queues, limit))
    for queue in queues:
        made.open(queue)
    return made


def taken(where: SlotPool) -> Slot:
    where.enter("m1", ORDER[0])
    return where.take_over("m1")


def stages(**answers: Job | Exception) -> dict[StageName, Callable[[Job], Awaitable[Job]]]:
    """Every stage puts its name into the job, or gives the answer that is named."""

    def stage(name: StageName) -> Callable[[Job], Awaitable[Job]]:
        async def run(job: Job) -> Job:
            answer = answers.get(name, job.model_copy(update={"input_scratch": (*job.input_scratch, name.value)}))
            if isinstance(answer, Exception):
                raise answer
            return answer

        return run

    return {name: stage(name) for name in ORDER}


async def in_process(
    where: SlotPool, middleware: tuple[Any, ...] = (), **answers: Job | Exception
) -> tuple[str, StageOutcome, Any]:
    with RunningJobs().track(JOB.task_id, JOB.token, ORDER[0]) as work:
        at, outcome = await run_stages(
            caching(), JOB, work, stages=stages(**answers), middleware=middleware, slot=taken(where)
        )  # fmt: skip
        return at.actor_name, outcome, work


async def test_a_job_goes_through_every_stage_that_has_a_place_for_it() -> None:
    where = slots(*ORDER)

    at, outcome, work = await in_process(where)

    assert at == StageName.UPLOAD
    assert isinstance(outcome, Advance)
    assert outcome.job.input_scratch == ("fetch", "resize", "upload")
    assert work.stage is StageName.UPLOAD
    assert (where.room(StageName.FETCH), where.room(StageName.UPLOAD)) == (1, 0)


async def test_a_job_is_handed_on_where_the_next_stage_is_worked_on_elsewhere() -> None:
    at, outcome, _ = await in_process(slots(StageName.FETCH, StageName.UPLOAD))

    assert at == StageName.FETCH
    assert isinstance(outcome, Advance)
    assert outcome.job.input_scratch == ("fetch",)


async def test_a_job_is_handed_on_where_all_places_of_the_next_stage_are_taken() -> None:
    where = slots(*ORDER)
    where.enter("m2", StageName.RESIZE)

    at, _, _ = await in_process(where)

    assert at == StageName.FETCH


async def test_each_stage_starts_with_its_first_attempt_and_a_message_id_of_its_own() -> None:
    seen: list[tuple[str, int]] = []

    async def note(run: StageRun, call_next: Next) -> StageOutcome:
        seen.append((run.message_id, run.job.attempt))
        return await call_next(run)

    tired = JOB.model_copy(update={"attempt": 2, "delivery": 1})
    await in_process(slots(*ORDER), (note,), fetch=tired)

    assert seen == [("t1:1:fetch:0.0", 0), ("t1:1:resize:0.0", 0), ("t1:1:upload:0.0", 0)]


async def test_what_follows_a_stage_that_must_be_tried_again_is_that_stage() -> None:
    async def again(run: StageRun, call_next: Next) -> StageOutcome:
        return RetryStage(run.job) if run.stage is StageName.RESIZE else await call_next(run)

    at, outcome, _ = await in_process(slots(*ORDER), (again,))

    assert (at, type(outcome)) == (StageName.RESIZE, RetryStage)


async def test_a_job_that_failed_is_carried_no_further() -> None:
    failed = JOB.model_copy(update={"failure": Failure(code="x", message="It failed.")})

    at, outcome, _ = await in_process(slots(*ORDER), resize=failed)

    assert (at, outcome) == (StageName.RESIZE, NotifyOutcome(failed))


async def test_an_error_that_no_middleware_handles_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="broken"):
        await in_process(slots(*ORDER), resize=ValueError("broken"))
