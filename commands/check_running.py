"""Check Redis, the database, workers, scheduler and HTTP service, for `manage.py check`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import psycopg
from dramatiq.common import current_millis

from commands import http_service
from commands.check_row import CheckRow, fault, ok, tried, warning
from pipelines.engine.dramatiq_redis.broker import HEARTBEAT_TIMEOUT_MS
from providers.local_services import attach
from providers.records.migrate import migrations, pending
from providers.redis_clients import async_client, sync_client
from providers.served import ServedProducts
from schemas import keys

if TYPE_CHECKING:
    from collections.abc import Collection

    from schemas.common import Product
    from settings import Settings

NOT_RUNNING = "not set, and no `manage.py up` is running in {folder}: set {name}, or start `python manage.py up`"
#: Maximum number of missing migrations that are named.
NAMED = 3
#: Age of the last sweep that means one was missed, seconds; a sweep runs every minute.
SWEEP_MISSED_S = 180.0


def rows(settings: Settings, wanted: Collection[Product]) -> list[CheckRow]:
    """Check Redis and the database, then workers of the `wanted` products, scheduler and HTTP service."""
    redis_url = _redis_url(settings)
    found = [
        tried("redis", lambda: _redis(settings, redis_url)),
        tried("database", lambda: _database(settings)),
    ]
    if redis_url and not any(row.name == "redis" and row.level == "fault" for row in found):
        found += [
            tried("workers", lambda: asyncio.run(_workers(redis_url, wanted))),
            tried("scheduler", lambda: _scheduler(redis_url)),
        ]
    return [*found, _http(settings)]


def _redis_url(settings: Settings) -> str | None:
    if settings.redis_url:
        return settings.redis_url.get_secret_value()
    served = attach(settings.data_dir)
    return served.redis_url if served else None


def _redis(settings: Settings, url: str | None) -> CheckRow:
    if url is None:
        return fault("redis", NOT_RUNNING.format(folder=settings.data_dir, name="REDIS_URL"))
    with sync_client(url) as client:
        return ok("redis", f"answers, version {client.info('server')['redis_version']}")


def database_url(settings: Settings) -> str | None:
    """Return the address of PostgreSQL; None where Supabase keeps the records or nothing is running."""
    if settings.database_url:
        return settings.database_url.get_secret_value()
    served = None if settings.supabase_url else attach(settings.data_dir)
    return served.database_url if served else None


def _database(settings: Settings) -> CheckRow:
    url = database_url(settings)
    if url is None and settings.supabase_url:
        return ok("database", "Supabase")
    if url is None:
        return fault("database", NOT_RUNNING.format(folder=settings.data_dir, name="DATABASE_URL"))
    with psycopg.connect(url, connect_timeout=5) as connection:
        missing = pending(connection)
    if missing:
        names = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
        return fault("database", f"not applied: {names}; run `python manage.py migrate`")
    return ok("database", f"answers, {len(migrations())} migrations applied")


async def _workers(redis_url: str, wanted: Collection[Product]) -> CheckRow:
    client = async_client(redis_url, max_connections=1)
    try:
        now = current_millis()
        running = int(await client.zcount(keys.HEARTBEATS, now - HEARTBEAT_TIMEOUT_MS, now))
        served = await ServedProducts(client).workers()
    finally:
        await client.aclose(close_connection_pool=True)
    if not running:
        return warning("workers", "no worker is running: start `dramatiq actors` (or `python manage.py up`)")
    if served is None:
        return warning("workers", f"{running} running, but none of them consumes the queue `generate`")
    made = ", ".join(f"{product} by {number}" for product, number in served.items() if number)
    sentence = f"{running} running; {made or 'no product'} can be made"
    off = [product for product in wanted if not served[product]]
    return (
        warning("workers", f"{sentence}; no running worker has a provider for {', '.join(off)}")
        if off
        else ok("workers", sentence)
    )


def _scheduler(redis_url: str) -> CheckRow:
    with sync_client(redis_url) as client:
        at = client.get(keys.LAST_SWEEP)
    start = "is `periodiq actors` running?"
    if at is None:
        return warning("scheduler", f"no sweep has run yet: {start}")
    age_s = max(0.0, time.time() - float(at) / 1000)
    if age_s > SWEEP_MISSED_S:
        return warning("scheduler", f"the last sweep was {age_s / 60:.0f} minutes ago: {start}")
    return ok("scheduler", f"the last sweep was {age_s:.0f} s ago")


def _http(settings: Settings) -> CheckRow:
    if settings.port == 0:
        return warning("http", "PORT is 0: the service chooses its port, so it can't be checked")
    address = http_service.local_url(settings)
    health = http_service.health(settings)
    if health is None:
        return warning("http", f"no Darkroom service answers at {address}")
    if health.status != "ok":
        return warning("http", f"answers at {address}, but is {health.status}: see {address}/health")
    return ok("http", f"answers at {address}")
