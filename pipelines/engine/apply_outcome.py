"""Carries out what follows the last stage that was worked on here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import redis.exceptions
import structlog
from dramatiq import Message

from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.outcome import Advance, NotifyOutcome, RetryStage, StageOutcome
from pipelines.engine.running_jobs import ABANDONS, RunningJob
from pipelines.engine.scheduling import enqueue_next_stage, enqueue_notify, enqueue_retry, next_message
from providers.scratch.cached import CachedScratch
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)

#: Seconds between tries while the queue can't be reached.
RETRY_S = 0.5


async def apply_outcome(  # noqa: PLR0913  what was done, and whom that concerns
    broker: Broker,
    scratch: CachedScratch,
    at: Message[Any],
    outcome: StageOutcome,
    work: RunningJob,
    *,
    timeout_s: float,
) -> None:
    """Save what the job holds and enqueue what follows the stage of `at`; what is away is tried again.

    That goes on for `timeout_s` seconds, or until the job is lost. After that nobody renews the job's lease any more,
    and it is driven again when that runs out.
    """
    action = _action(broker, at, outcome)
    if action is None:
        return
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if not isinstance(outcome, NotifyOutcome):
                await scratch.save(work.task_id)
            await asyncio.to_thread(action)
        except (redis.exceptions.RedisError, Unavailable):
            if work.stop in ABANDONS or time.monotonic() > deadline:
                log.exception("next_stage_not_enqueued", task_id=work.task_id, stage=work.stage.value)
                return
            await asyncio.sleep(RETRY_S)
        else:
            return


def _action(broker: Broker, at: Message[Any], outcome: StageOutcome) -> Callable[[], None] | None:
    match outcome:
        case Advance(job) if next_message(at) is not None:
            return lambda: enqueue_next_stage(broker, at, job)
        case RetryStage(job, delay_s):
            return lambda: enqueue_retry(broker, at, job, delay_s)
        case NotifyOutcome(job):
            return lambda: enqueue_notify(broker, job)
        case _:
            return None
