"""The application: the broker with its middleware and actors, made of the settings."""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, cast

import dramatiq
from dramatiq.middleware import CurrentMessage
from periodiq import PeriodiqMiddleware

from actors import queues
from actors.fetch import fetch
from actors.generate import generate
from actors.notify import notify
from actors.resize import resize
from actors.services import Services
from actors.sweep import declare_sweep
from actors.upload import upload
from actors.watermark import watermark
from actors.worker import WorkerMiddleware
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.runner import StageFunction, StageRunner
from pipelines.middleware import (
    Cancellation,
    Claims,
    LogContext,
    PhaseProgress,
    Retries,
    Settlement,
    StageMetrics,
    TimeLimit,
)
from providers import logs
from providers.local_services import NotRunningError, resolve
from providers.process import container_name
from schemas.common import StageName
from schemas.job import Job
from settings import Settings, SettingsError, load

STAGES = {
    StageName.FETCH: fetch,
    StageName.RESIZE: resize,
    StageName.GENERATE: generate,
    StageName.WATERMARK: watermark,
    StageName.UPLOAD: upload,
    StageName.NOTIFY: notify,
}


def create(settings: Settings) -> Broker:
    """Return a broker with all middleware and actors. It connects when a worker boots or a message is enqueued.

    Raises:
        NotRunningError: No Redis or database is set, and the embedded ones do not run.
    """
    redis_url, database_url = service_urls(settings)
    worker = WorkerMiddleware(settings, redis_url, database_url)
    broker = Broker(
        redis_url,
        limits=queues.limits(settings.worker_concurrency),
        middleware=[
            CurrentMessage(),
            PeriodiqMiddleware(skip_delay=30),
            worker,
            # These also wrap every stage run, outermost first.
            LogContext(),
            Claims(),
            PhaseProgress(),
            StageMetrics(),
            # Fails a job whose error is final, and refunds its credits.
            Settlement(lease_s=settings.lease_s),
            Cancellation(),
            Retries(max_retries=settings.openai_max_retries, stuck_after_s=settings.stuck_after_s),
            TimeLimit(settings.soft_time_limit_s),
        ],
    )
    # A container's health check finds the heartbeat of its own worker by this name.
    broker.broker_id = f"{container_name()}/{broker.broker_id}"
    runner = StageRunner(broker, lambda: worker.services, lease_s=settings.lease_s)
    for stage, function in STAGES.items():
        runner.declare(stage, _with_services(function, worker))
    declare_sweep(broker, lambda: worker.services)
    return broker


def service_urls(settings: Settings) -> tuple[str, str | None]:
    """Return the URLs of Redis and PostgreSQL; None for the latter where Supabase holds the records.

    Raises:
        NotRunningError: They are not set, and the embedded ones do not run.
    """
    return resolve(
        settings.data_dir,
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
        database_url=settings.database_url.get_secret_value() if settings.database_url else None,
        supabase=settings.supabase_url is not None,
    )


def set_global_broker() -> None:
    """Make the application of this environment Dramatiq's global broker."""
    try:
        settings = load()
        broker = create(settings)
    except (SettingsError, NotRunningError) as error:
        dramatiq.set_broker(cast("dramatiq.Broker", _Unconfigured(error)))
        return
    logs.configure(level=settings.log_level, style=settings.log_format)
    dramatiq.set_broker(broker)


def _with_services(function: Callable[[Job, Services], Awaitable[Job]], worker: WorkerMiddleware) -> StageFunction:
    @functools.wraps(function)
    async def run(job: Job) -> Job:
        return await function(job, worker.services)

    return run


class _Unconfigured:
    """Stands for the broker of an environment that is not configured; its use ends the process."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> NoReturn:
        # A sentence, not a traceback: operators read it.
        sys.stderr.write(f"Darkroom can't start: {self._error}\n")
        raise SystemExit(1)
