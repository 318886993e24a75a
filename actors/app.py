"""The application behind `dramatiq actors` and `periodiq actors`: settings, broker, what a worker process shares."""

from __future__ import annotations

import sys

import dramatiq
from dramatiq.middleware import CurrentMessage
from periodiq import PeriodiqMiddleware

from actors import queues
from actors.services import Services
from actors.worker import WorkerMiddleware
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.stage_actors import Stages
from providers import logs
from providers.local_services import NotRunningError, resolve
from providers.process import container_name
from settings import SettingsError, load

try:
    settings = load()
    redis_url, database_url = resolve(
        settings.data_dir,
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
        database_url=settings.database_url.get_secret_value() if settings.database_url else None,
        supabase=settings.supabase_url is not None,
    )
except (SettingsError, NotRunningError) as error:
    # A sentence, not a traceback: this is read by whoever starts the worker.
    sys.stderr.write(f"Darkroom can't start: {error}\n")
    raise SystemExit(1) from None

logs.configure(level=settings.log_level, style=settings.log_format)

worker = WorkerMiddleware(settings, redis_url, database_url)
broker = Broker(
    redis_url,
    limits=queues.limits(settings.worker_concurrency),
    middleware=[CurrentMessage(), PeriodiqMiddleware(skip_delay=30), worker],
)
# By this a container's health check knows the heartbeats of its own worker.
broker.broker_id = f"{container_name()}/{broker.broker_id}"
dramatiq.set_broker(broker)


def services() -> Services:
    """What the stages of this worker process share."""
    return worker.services


stage = Stages(broker, services)
