"""Connections of commands to the configured services, or to those of a running `manage.py up`."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.reachable import reach_database, reach_redis, reach_supabase
from pipelines.engine.dramatiq_redis.broker import Broker
from providers.local_services import resolve, resolve_database
from providers.records.connect import connect
from providers.redis_clients import async_client
from schemas.common import StageName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import redis.asyncio

    from providers.records import Records
    from settings import Settings


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    """Addresses of Redis and PostgreSQL, with passwords; never printed.

    Attributes:
        database_url: None if Supabase keeps the records.
    """

    redis_url: str
    database_url: str | None


def addresses(settings: Settings) -> ServiceAddresses:
    """Return the addresses of Redis and PostgreSQL.

    Raises:
        NotRunningError: A service is neither configured nor running.
    """
    redis_url, database_url = resolve(
        settings.data_dir,
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
        database_url=settings.database_url.get_secret_value() if settings.database_url else None,
        supabase=settings.supabase_url is not None,
    )
    return ServiceAddresses(redis_url, database_url)


def database_url(settings: Settings) -> str | None:
    """Return the address of PostgreSQL, for commands without Redis; None if Supabase keeps the records.

    Raises:
        NotRunningError: It is neither configured nor running.
    """
    return resolve_database(
        settings.data_dir,
        database_url=settings.database_url.get_secret_value() if settings.database_url else None,
        supabase=settings.supabase_url is not None,
    )


@asynccontextmanager
async def records(settings: Settings) -> AsyncIterator[Records]:
    """Open the records for one command.

    Raises:
        NotRunningError: As for `addresses`.
        UnreachableError: The database does not answer.
    """
    database_url = addresses(settings).database_url
    if database_url:
        await reach_database(database_url)
    opened = connect(
        database_url=database_url,
        supabase_url=settings.supabase_url,
        supabase_key=settings.supabase_service_role_key,
        timeout_s=settings.supabase_timeout_s,
        max_connections=2,
        max_refund_credits=settings.tryon_max_refund_credits,
    )
    try:
        if not database_url:
            await reach_supabase(opened, str(settings.supabase_url))
        yield opened
    finally:
        await opened.aclose()


@asynccontextmanager
async def redis_client(settings: Settings) -> AsyncIterator[redis.asyncio.Redis]:
    """Open a Redis client for one command.

    Raises:
        NotRunningError: As for `addresses`.
        UnreachableError: Redis does not answer.
    """
    redis_url = addresses(settings).redis_url
    await reach_redis(redis_url)
    client = async_client(redis_url, max_connections=4)
    try:
        yield client
    finally:
        await client.aclose(close_connection_pool=True)


@contextmanager
def queue(settings: Settings) -> Iterator[Broker]:
    """Open the workers' broker, for enqueueing only.

    Raises:
        NotRunningError: As for `addresses`.
    """
    broker = Broker(addresses(settings).redis_url, limits=dict.fromkeys(StageName, 1), middleware=[])
    try:
        yield broker
    finally:
        broker.close()
