"""The `sweep` actor: runs every minute."""

from __future__ import annotations

import time
from collections.abc import Callable

import dramatiq
from periodiq import cron

from actors.queues import CONTROL
from actors.services import Services
from pipelines.engine.dramatiq_redis.broker import Broker
from schemas import keys


def declare_sweep(broker: Broker, services: Callable[[], Services]) -> None:
    """Declare the actor at `broker`; `services` is called when it runs."""

    @dramatiq.actor(queue_name=CONTROL, broker=broker, periodic=cron("* * * * *"))
    async def sweep() -> None:
        """Recover jobs, end stuck sessions and delete old data."""
        await services().sweep.run_once()
        await services().client.set(keys.LAST_SWEEP, round(time.time() * 1000))
