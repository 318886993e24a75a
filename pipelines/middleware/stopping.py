"""Work can be stopped: its job was cancelled or lost, it is overdue, or the worker is asked to leave."""

from __future__ import annotations

import asyncio

import structlog

from pipelines.engine.registry import Stop
from pipelines.engine.steps import Again, Delivery, Next, Nothing, Step
from schemas.errors import TimedOut

log = structlog.get_logger(__name__)


class Stopping:
    """Turns a stop into what should follow it. A worker that leaves hands its work back and uses up no attempt."""

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        try:
            delivery.work.attach()
            return await call_next(delivery)
        except asyncio.CancelledError:
            reason = delivery.work.stop
            if reason is None:
                raise
            # Stopped before it began, the task was not cancelled.
            if (task := asyncio.current_task()) and task.cancelling():
                task.uncancel()
            log.info("stage_stopped", reason=reason.value)
            if reason is Stop.OVERDUE:
                raise TimedOut("the hard time limit ran out") from None
            if reason is Stop.SHUTDOWN:
                return Again(delivery.job.model_copy(update={"delivery": delivery.job.delivery + 1}))
            return Nothing()
        finally:
            delivery.work.detach()
