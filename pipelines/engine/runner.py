"""Carries a job from stage to stage for as long as this process has a slot for it.

A stage that hands on through Redis costs its job an enqueued, a fetched and an acknowledged message and two changes of
thread, which is more than most stages cost. The queues are for jobs whose next stage is worked on elsewhere, or whose
slots are all taken here. To the job's lease, its claims and its fencing token it is all the same.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from dramatiq import Message

from pipelines.engine.dramatiq_redis.broker import message_id
from pipelines.engine.outcome import Advance, Next, NotifyOutcome, StageMiddleware, StageOutcome, StageRun
from pipelines.engine.running_jobs import RunningJob
from pipelines.engine.scheduling import next_message
from pipelines.engine.slots import Slot
from schemas.common import StageName
from schemas.job import Job

StageFunction = Callable[[Job], Awaitable[Job]]


async def run_stages(  # noqa: PLR0913  what is in_process, by whom, through what
    message: Message[Any],
    job: Job,
    work: RunningJob,
    *,
    stages: Mapping[StageName, StageFunction],
    middleware: Sequence[StageMiddleware],
    slot: Slot,
) -> tuple[Message[Any], StageOutcome]:
    """Work on the job's stage and on all that follow it here.

    Args:
        message: What was taken from a queue.
        job: What it brought.
        work: Where this process keeps track of the job.
        stages: All stages.
        middleware: What surrounds every stage, outermost first.
        slot: The job's slot among those of this process.

    Returns:
        The message of the last stage that was worked on, and what is to follow that.
    """
    surrounded = _surround(middleware)
    at = message
    while True:
        stage = StageName(at.actor_name)
        in_process = at is not message
        outcome = await surrounded(StageRun(stage, job, message_id(stage, job), work, stages[stage], in_process))
        after = next_message(at)
        if not isinstance(outcome, Advance) or after is None or not slot.move(after.queue_name):
            return at, outcome
        at, job = after, outcome.job.model_copy(update={"attempt": 0, "delivery": 0})
        work.enter(StageName(at.actor_name))


def _surround(middleware: Sequence[StageMiddleware]) -> Next:
    call: Next = _run
    for layer in reversed(middleware):
        call = functools.partial(layer, call_next=call)
    return call


async def _run(run: StageRun) -> StageOutcome:
    job = await run.function(run.job)
    return NotifyOutcome(job) if job.failure is not None and run.stage is not StageName.NOTIFY else Advance(job)
