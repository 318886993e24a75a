"""Enqueues what follows the last stage that ran in this process."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from typing import Any

import redis.exceptions
import structlog
from dramatiq import Message

from pipelines.engine.dramatiq_redis.broker import Broker, QueueUnreachable
from pipelines.engine.outcome import Advance, NotifyOutcome, RetryStage, StageOutcome
from pipelines.engine.running_jobs import ABANDONS, RunningJob
from pipelines.engine.scheduling import enqueue_next_stage, enqueue_notify, enqueue_retry, next_message
from pipelines.engine.unavailable import retry_while_unavailable
from providers.scratch.cached import CachedScratch
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)


async def apply_outcome(
    broker: Broker, scratch: CachedScratch, at: Message[Any], outcome: StageOutcome, work: RunningJob
) -> None:
    """Save the job's cached files and enqueue what follows the stage of `at`.

    This is retried while Redis or the scratch store is unavailable, for as long as the job belongs to this worker: its
    lease is renewed meanwhile, so an outage uses up no recovery. No time limit counts.
    """
    enqueue = _enqueue_function(broker, at, outcome)
    if enqueue is None:
        return

    async def save_and_enqueue() -> None:
        if not isinstance(outcome, NotifyOutcome):
            await scratch.save(work.task_id)
        try:
            await asyncio.to_thread(enqueue)
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"enqueueing the next stage: {type(error).__name__}") from error

    # The stage is done. Its hard limit would end the renewals of the lease.
    work.since = math.inf
    try:
        await retry_while_unavailable(save_and_enqueue, give_up_if=lambda: work.stop in ABANDONS)
    except Unavailable:
        log.exception("next_stage_not_enqueued", task_id=work.task_id, stage=work.stage.value)


def _enqueue_function(broker: Broker, at: Message[Any], outcome: StageOutcome) -> Callable[[], None] | None:
    match outcome:
        case Advance(job) if next_message(at) is not None:
            return functools.partial(enqueue_next_stage, broker, at, job)
        case RetryStage(job, delay_s):
            return functools.partial(enqueue_retry, broker, at, job, delay_s)
        case NotifyOutcome(job):
            return functools.partial(enqueue_notify, broker, job)
        case _:
            return None
