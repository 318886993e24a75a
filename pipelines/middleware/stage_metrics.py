"""Metrics of stage runs: durations, outcomes, refunded credits and spending."""

from __future__ import annotations

import time
from collections import defaultdict

from pipelines.engine.outcome import Advance, RetryStage, StageOutcome
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun
from schemas.common import StageName
from schemas.job import Job


class StageMetrics(StageMiddleware):
    """Measures every stage run. The outcome of a job is counted when `notify` has published it."""

    async def run_stage(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Run the stage and record its duration, for `/metrics` and for the log line of the job."""
        started = time.perf_counter()
        outcome = await call_next(run)
        seconds = time.perf_counter() - started
        run.running_job.stage_seconds[run.stage.value] = round(seconds, 4)
        labels = {"stage": run.stage.value, "product": run.job.product.value}
        await run.services.metrics.observe("darkroom_stage_seconds", labels, seconds)
        if isinstance(outcome, RetryStage) and outcome.job.attempt > run.job.attempt:
            await self._count_task(run, "retried")
        if isinstance(outcome, Advance) and run.stage is StageName.NOTIFY:
            await self._count_outcome(run, outcome.job)
        if run.stage is StageName.GENERATE:
            await self._record_spending(run, outcome)
        return outcome

    async def _count_outcome(self, run: StageRun, job: Job) -> None:
        await self._count_task(run, "failed" if job.failure else "done")
        if job.refunded:
            await run.services.metrics.incr("darkroom_credits_total", {"kind": "refund"}, job.refunded)

    async def _record_spending(self, run: StageRun, outcome: StageOutcome) -> None:
        metrics = run.services.metrics
        if isinstance(outcome, Advance):
            spent: dict[str, float] = defaultdict(float)
            for call in outcome.job.calls:
                spent[call.provider] += call.cost_usd
            for provider, usd in spent.items():
                await metrics.incr("darkroom_provider_usd_total", {"provider": provider}, usd)
        for provider, calls in run.services.provider_calls().items():
            await metrics.gauge("darkroom_provider_in_flight", {"provider": provider}, calls)

    async def _count_task(self, run: StageRun, event: str) -> None:
        await run.services.metrics.incr("darkroom_tasks_total", {"product": run.job.product.value, "event": event})
