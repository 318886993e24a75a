"""Connections of a worker process. Each background loop opens its own, in its own event loop."""

from __future__ import annotations

import redis.asyncio

from providers.records import Records
from providers.records.connect import connect
from providers.redis_clients import async_client
from settings import Settings


class WorkerConnections:
    """Opens connections to the database and Redis; the caller closes them.

    Attributes:
        settings: The settings of this process.
        redis_url: URL of Redis.
    """

    def __init__(self, settings: Settings, redis_url: str, database_url: str | None) -> None:
        """Connect to these servers; without `database_url`, to Supabase."""
        self.settings = settings
        self._database_url = database_url
        self.redis_url = redis_url

    def records(self, max_connections: int, *, timeout_s: float | None = None) -> Records:
        """Return the database; a call takes at most `timeout_s` seconds (`SUPABASE_TIMEOUT_S`)."""
        return connect(
            database_url=self._database_url,
            supabase_url=self.settings.supabase_url,
            supabase_key=self.settings.supabase_service_role_key,
            timeout_s=timeout_s or self.settings.supabase_timeout_s,
            max_connections=max_connections,
            max_refund_credits=self.settings.tryon_max_refund_credits,
        )

    def redis(self, max_connections: int, *, socket_timeout_s: float | None = None) -> redis.asyncio.Redis:
        """Return a Redis client."""
        if socket_timeout_s is None:
            return async_client(self.redis_url, max_connections=max_connections)
        return async_client(self.redis_url, max_connections=max_connections, socket_timeout_s=socket_timeout_s)
