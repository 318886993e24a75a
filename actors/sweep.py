"""The `sweep` actor, every minute."""

from __future__ import annotations

import time

import dramatiq
from periodiq import cron

from actors.app import broker, services
from actors.queues import CONTROL
from schemas import keys


@dramatiq.actor(queue_name=CONTROL, broker=broker, periodic=cron("* * * * *"))
async def sweep() -> None:
    """Drive again what can still be done, and end what can't."""
    await services().sweep.sweep()
    await services().client.set(keys.LAST_SWEEP, round(time.time() * 1000))
