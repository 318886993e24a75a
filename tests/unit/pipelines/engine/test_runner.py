"""Which stages of a job run one after another in the same process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from dramatiq import Message, pipeline

from pipelines.engine.messages import job_message
from pipelines.engine.outcome import Advance, NotifyOutcome, RetryStage, StageOutcome
from pipelines.engine.runner import run_stages, wrap
from pipelines.engine.running_jobs import RunningJobs
from pipelines.engine.slots import Slot, SlotPool
from pipelines.engine.stage_run import StageMiddleware
from schemas.common import Product, StageName
from schemas.job import Failure, Job
from tests.unit.pipelines.stage_runs import stage_services

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pipelines.engine.stage_run import Next, StageRun

ORDER = (StageName.FETCH, StageName.RESIZE, StageName.UPLOAD)
JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")


def first_message() -> Message[Any]:
    """Return the message of the first stage as a worker fetches it, with those of the later stages."""
    later = [Message[Any](queue_name=name, actor_name=name, args=(), kwargs={}, options={}) for name in ORDER[1:]]
    first = pipeline([job_message(ORDER[0], JOB), *later]).messages[0]
    first.options["redis_message_id"] = "m1"
    return first


def open_pool(*queues: StageName, limit: int = 1) -> SlotPool:
    pool = SlotPool(dict.fromkeys(queues, limit))
    for queue in queues:
        pool.open(queue)
    return pool


def claim_slot(pool: SlotPool) -> Slot:
    pool.reserve("m1", ORDER[0])
    return pool.claim("m1")


def stages(**answers: Job | Exception) -> dict[StageName, Callable[[Job], Awaitable[Job]]]:
    """Every stage adds its name to the job, or gives its answer."""

    def stage(name: StageName) -> Callable[[Job], Awaitable[Job]]:
        async def run(job: Job) -> Job:
            answer = answers.get(name, job.model_copy(update={"input_scratch": (*job.input_scratch, name.value)}))
            if isinstance(answer, Exception):
                raise answer
            return answer

        return run

    return {name: stage(name) for name in ORDER}


async def run(
    pool: SlotPool, middleware: tuple[StageMiddleware, ...] = (), **answers: Job | Exception
) -> tuple[str, StageOutcome, Any]:
    with RunningJobs().track(JOB.task_id, ORDER[0]) as running_job:
        last, outcome = await run_stages(
            first_message(), JOB, running_job, stages=stages(**answers), run_stage=wrap(middleware),
            slot=claim_slot(pool), services=stage_services(),
        )  # fmt: skip
        return last.actor_name, outcome, running_job


async def test_a_job_runs_every_stage_that_has_a_free_slot() -> None:
    pool = open_pool(*ORDER)

    last, outcome, running_job = await run(pool)

    assert last == StageName.UPLOAD
    assert isinstance(outcome, Advance)
    assert outcome.job.input_scratch == ("fetch", "resize", "upload")
    assert running_job.stage is StageName.UPLOAD
    assert (pool.free_slots(StageName.FETCH), pool.free_slots(StageName.UPLOAD)) == (1, 0)


async def test_a_job_stops_before_a_stage_that_other_workers_run() -> None:
    last, outcome, _ = await run(open_pool(StageName.FETCH, StageName.UPLOAD))

    assert last == StageName.FETCH
    assert isinstance(outcome, Advance)
    assert outcome.job.input_scratch == ("fetch",)


async def test_a_job_stops_before_a_stage_without_a_free_slot() -> None:
    pool = open_pool(*ORDER)
    pool.reserve("m2", StageName.RESIZE)

    last, _, _ = await run(pool)

    assert last == StageName.FETCH


async def test_each_stage_starts_with_its_first_attempt_and_only_the_first_has_a_message() -> None:
    runs: list[tuple[str, int, bool]] = []

    class Recorder(StageMiddleware):
        async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
            runs.append((run.stage, run.job.attempt, run.in_process))
            return await call_next(run)

    retried = JOB.model_copy(update={"attempt": 2})
    await run(open_pool(*ORDER), (Recorder(),), fetch=retried)

    assert runs == [("fetch", 0, False), ("resize", 0, True), ("upload", 0, True)]


async def test_a_stage_that_is_retried_is_the_last_one_that_ran() -> None:
    class RetryResize(StageMiddleware):
        async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
            return RetryStage(run.job) if run.stage is StageName.RESIZE else await call_next(run)

    last, outcome, _ = await run(open_pool(*ORDER), (RetryResize(),))

    assert (last, type(outcome)) == (StageName.RESIZE, RetryStage)


async def test_a_failed_job_runs_no_further_stage() -> None:
    failed = JOB.model_copy(update={"failure": Failure(code="x", message="It failed.")})

    last, outcome, _ = await run(open_pool(*ORDER), resize=failed)

    assert (last, outcome) == (StageName.RESIZE, NotifyOutcome(failed))


async def test_an_error_that_no_middleware_handles_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="broken"):
        await run(open_pool(*ORDER), resize=ValueError("broken"))
