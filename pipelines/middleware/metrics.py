"""What operators count: how long stages take, how tasks end, what was given back and spent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from pipelines.engine.outcome import Advance, Next, RetryStage, StageOutcome, StageRun
from providers.metrics.recorder import Metrics
from schemas.common import StageName
from schemas.job import Job


class StageMetrics:
    """Counts every run by what followed it. An outcome is counted where it is told, whoever settled it."""

    def __init__(self, metrics: Metrics, in_flight: Callable[[], Mapping[str, int]]) -> None:
        """Count into `metrics`; `in_flight` tells this process's calls in flight by provider."""
        self._metrics = metrics
        self._in_flight = in_flight

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """See `StageMiddleware`."""
        started = time.perf_counter()
        outcome = await call_next(run)
        labels = {"stage": run.stage.value, "product": run.job.product.value}
        await self._metrics.observe("darkroom_stage_seconds", labels, time.perf_counter() - started)
        if isinstance(outcome, RetryStage) and outcome.job.attempt > run.job.attempt:
            await self._event(run.job, "retried")
        if isinstance(outcome, Advance) and run.stage is StageName.NOTIFY:
            await self._outcome(outcome.job)
        if run.stage is StageName.GENERATE:
            await self._spending(outcome)
        return outcome

    async def _outcome(self, job: Job) -> None:
        await self._event(job, "failed" if job.failure else "done")
        if job.refunded:
            await self._metrics.incr("darkroom_credits_total", {"kind": "refund"}, job.refunded)

    async def _spending(self, outcome: StageOutcome) -> None:
        if isinstance(outcome, Advance):
            spent: dict[str, float] = defaultdict(float)
            for call in outcome.job.calls:
                spent[call.provider] += call.cost_usd
            for provider, usd in spent.items():
                await self._metrics.incr("darkroom_provider_usd_total", {"provider": provider}, usd)
        for provider, calls in self._in_flight().items():
            await self._metrics.gauge("darkroom_provider_in_flight", {"provider": provider}, calls)

    async def _event(self, job: Job, event: str) -> None:
        await self._metrics.incr("darkroom_tasks_total", {"product": job.product.value, "event": event})
