"""Dramatiq's minimum cost of a task: one stock message, one actor that does nothing."""

from __future__ import annotations

import os
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

QUEUE = "nothing"
MODULE = __name__
URL = "BENCH_REDIS_URL"


def declare(url: str) -> dramatiq.Actor[[dict[str, Any]], None]:
    """Declare the actor on a stock broker."""
    broker = RedisBroker(url=url)
    dramatiq.set_broker(broker)

    def nothing(payload: dict[str, Any]) -> None:
        """Take a task's payload and do nothing."""

    return dramatiq.actor(queue_name=QUEUE, broker=broker)(nothing)


if url := os.environ.get(URL):
    declare(url)
