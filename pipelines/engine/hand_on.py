"""Carries out what follows a delivery, before its message is acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis.exceptions
import structlog
from dramatiq import Message

from pipelines.engine.broker import Broker
from pipelines.engine.driver import hand_on, put_back, tell
from pipelines.engine.registry import GIVES_UP, Work
from pipelines.engine.steps import Again, Forward, Step, Tell

log = structlog.get_logger(__name__)

#: Seconds between tries while the queue can't be reached.
RETRY_S = 0.5


def carry_out(  # noqa: PLR0913  what was done, where, and what is to follow
    broker: Broker, message: Message[Any], at: Message[Any], step: Step, work: Work, *, patience_s: float
) -> None:
    """Enqueue what follows the stage of `at`; where Redis is away, try on for `patience_s` seconds.

    It ends before if the job is lost. After that nobody renews the job's lease any more, and it is driven again when
    that runs out.
    """
    action = _action(broker, message, at, step)
    if action is None:
        return
    deadline = time.monotonic() + patience_s
    while True:
        try:
            action()
        except redis.exceptions.RedisError:
            if work.stop in GIVES_UP or time.monotonic() > deadline:
                log.exception("hand_on_given_up", task_id=work.task_id, stage=work.stage.value)
                return
            time.sleep(RETRY_S)
        else:
            return


def _action(broker: Broker, message: Message[Any], at: Message[Any], step: Step) -> Callable[[], None] | None:
    match step:
        case Forward(job):
            return lambda: hand_on(broker, at, job, after=message)
        case Again(job, delay_s):
            return lambda: put_back(broker, at, job, delay_s, after=message)
        case Tell(job):
            return lambda: tell(broker, job)
        case _:
            return None
