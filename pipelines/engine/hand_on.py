"""Carries out what follows the last stage that was worked on here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import redis.exceptions
import structlog
from dramatiq import Message

from pipelines.engine.broker import Broker
from pipelines.engine.driver import following, hand_on, put_back, tell
from pipelines.engine.registry import GIVES_UP, Work
from pipelines.engine.steps import Again, Forward, Step, Tell
from providers.scratch.held import HeldScratch
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)

#: Seconds between tries while the queue can't be reached.
RETRY_S = 0.5


async def carry_out(  # noqa: PLR0913  what was done, and whom that concerns
    broker: Broker, scratch: HeldScratch, at: Message[Any], step: Step, work: Work, *, patience_s: float
) -> None:
    """Save what the job holds and enqueue what follows the stage of `at`; what is away is tried again.

    That goes on for `patience_s` seconds, or until the job is lost. After that nobody renews the job's lease any more,
    and it is driven again when that runs out.
    """
    action = _action(broker, at, step)
    if action is None:
        return
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if not isinstance(step, Tell):
                await scratch.save(work.task_id)
            await asyncio.to_thread(action)
        except (redis.exceptions.RedisError, Unavailable):
            if work.stop in GIVES_UP or time.monotonic() > deadline:
                log.exception("hand_on_given_up", task_id=work.task_id, stage=work.stage.value)
                return
            await asyncio.sleep(RETRY_S)
        else:
            return


def _action(broker: Broker, at: Message[Any], step: Step) -> Callable[[], None] | None:
    match step:
        case Forward(job) if following(at) is not None:
            return lambda: hand_on(broker, at, job)
        case Again(job, delay_s):
            return lambda: put_back(broker, at, job, delay_s)
        case Tell(job):
            return lambda: tell(broker, job)
        case _:
            return None
