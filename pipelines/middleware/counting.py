"""What operators count: how long stages take, how tasks end, what was given back and spent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from pipelines.engine.steps import Again, Delivery, Forward, Next, Step
from providers.metrics import Metrics
from schemas.common import StageName
from schemas.job import Job


class Counting:
    """Counts every delivery by what followed it. An outcome is counted where it is told, whoever settled it."""

    def __init__(self, metrics: Metrics, in_flight: Callable[[], Mapping[str, int]]) -> None:
        """Count into `metrics`; `in_flight` tells this process's calls in flight by provider."""
        self._metrics = metrics
        self._in_flight = in_flight

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """See `StageMiddleware`."""
        started = time.perf_counter()
        step = await call_next(delivery)
        labels = {"stage": delivery.stage.value, "product": delivery.job.product.value}
        await self._metrics.observe("darkroom_stage_seconds", labels, time.perf_counter() - started)
        if isinstance(step, Again) and step.job.attempt > delivery.job.attempt:
            await self._event(delivery.job, "retried")
        if isinstance(step, Forward) and delivery.stage is StageName.NOTIFY:
            await self._outcome(step.job)
        if delivery.stage is StageName.GENERATE:
            await self._spending(step)
        return step

    async def _outcome(self, job: Job) -> None:
        await self._event(job, "failed" if job.failure else "done")
        if job.refunded:
            await self._metrics.incr("darkroom_credits_total", {"kind": "refund"}, job.refunded)

    async def _spending(self, step: Step) -> None:
        if isinstance(step, Forward):
            spent: dict[str, float] = defaultdict(float)
            for call in step.job.calls:
                spent[call.provider] += call.cost_usd
            for provider, usd in spent.items():
                await self._metrics.incr("darkroom_provider_usd_total", {"provider": provider}, usd)
        for provider, calls in self._in_flight().items():
            await self._metrics.gauge("darkroom_provider_in_flight", {"provider": provider}, calls)

    async def _event(self, job: Job, event: str) -> None:
        await self._metrics.incr("darkroom_tasks_total", {"product": job.product.value, "event": event})
