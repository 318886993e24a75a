"""The `sweep` actor, every minute."""

from __future__ import annotations

import dramatiq
from periodiq import cron

from actors.app import broker, services
from actors.queues import CONTROL


@dramatiq.actor(queue_name=CONTROL, broker=broker, periodic=cron("* * * * *"))
async def sweep() -> None:
    """Drive again what can still be done, and end what can't."""
    await services().sweep.sweep()
