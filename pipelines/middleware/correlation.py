"""Every log line of a job carries its ids."""

from __future__ import annotations

import structlog

from pipelines.engine.steps import Delivery, Next, Nothing, Step

log = structlog.get_logger(__name__)


class Correlation:
    """Binds request, task, session, stage and attempt, and lets no error leave unlogged."""

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        job = delivery.job
        with structlog.contextvars.bound_contextvars(
            request_id=job.request_id,
            task_id=job.task_id,
            session_id=job.session_id,
            stage=delivery.stage.value,
            attempt=job.attempt,
            run=job.run,
        ):
            try:
                return await call_next(delivery)
            except Exception:
                # Nothing is lost: nobody renews the lease now, and the job is driven again when it runs out.
                log.exception("delivery_failed")
                return Nothing()
