"""Carries a job from stage to stage for as long as this process has a place for it.

A stage that hands on through Redis costs its job an enqueued, a fetched and an acknowledged message and two changes of
thread, which is more than most stages cost. The queues are for jobs whose next stage is worked on elsewhere, or whose
places are all taken here. To the job's lease, its claims and its fencing token it is all the same.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from dramatiq import Message

from pipelines.engine.broker import message_id
from pipelines.engine.driver import following
from pipelines.engine.places import Place
from pipelines.engine.registry import Work
from pipelines.engine.steps import Delivery, Forward, Next, StageMiddleware, Step, Tell
from schemas.common import StageName
from schemas.job import Job

StageFunction = Callable[[Job], Awaitable[Job]]


async def carry(  # noqa: PLR0913  what is carried, by whom, through what
    message: Message[Any],
    job: Job,
    work: Work,
    *,
    stages: Mapping[StageName, StageFunction],
    middleware: Sequence[StageMiddleware],
    place: Place,
) -> tuple[Message[Any], Step]:
    """Work on the job's stage and on all that follow it here.

    Args:
        message: What was taken from a queue.
        job: What it brought.
        work: Where this process keeps track of the job.
        stages: All stages.
        middleware: What surrounds every stage, outermost first.
        place: The job's place among those of this process.

    Returns:
        The message of the last stage that was worked on, and what is to follow that.
    """
    surrounded = _surround(middleware)
    at = message
    while True:
        stage = StageName(at.actor_name)
        carried = at is not message
        step = await surrounded(Delivery(stage, job, message_id(stage, job), work, stages[stage], carried))
        after = following(at)
        if not isinstance(step, Forward) or after is None or not place.move(after.queue_name):
            return at, step
        at, job = after, step.job.model_copy(update={"attempt": 0, "delivery": 0})
        work.enter(StageName(at.actor_name))


def _surround(middleware: Sequence[StageMiddleware]) -> Next:
    call: Next = _run
    for layer in reversed(middleware):
        call = functools.partial(layer, call_next=call)
    return call


async def _run(delivery: Delivery) -> Step:
    job = await delivery.run(delivery.job)
    return Tell(job) if job.failure is not None and delivery.stage is not StageName.NOTIFY else Forward(job)
