"""Redis clients with explicit deadlines and bounded pools, for every kind of `REDIS_URL`.

`redis://`, `rediss://` and `unix://` are handled by redis-py. `sentinel://[:password@]host:port[,host:port…]/master[/db]`
asks the sentinels for the master.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

#: Seconds: longer than any command, shorter than any lease.
_CONNECT_S = 3.0
_SOCKET_S = 5.0


class _Master(redis.Redis):
    """A client of a master that closes the connections to its sentinels too."""

    def close(self) -> None:
        super().close()
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            sentinel.close()


class _AsyncMaster(redis.asyncio.Redis):
    """Asyncio version of `_Master`."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001  signature of redis-py
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def sync_client(url: str, *, max_connections: int = 64, socket_timeout_s: float = _SOCKET_S) -> redis.Redis:
    """Return a client for threads. A caller waits for a free connection instead of failing when all are in use.

    Args:
        url: One of the URLs described in the module docstring.
        max_connections: Maximum number of connections.
        socket_timeout_s: Seconds for one command; must exceed the timeout of blocking commands.
    """
    options = _options(socket_timeout_s)
    if url.startswith("sentinel://"):
        sentinels, master, extra = _parse_sentinel_url(url)
        client: redis.Redis = redis.sentinel.Sentinel(sentinels, **options, **extra).master_for(
            master, redis_class=_Master
        )
        return client
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=max_connections, timeout=socket_timeout_s, **_supported_options(url, options)
    )
    return redis.Redis.from_pool(pool)


def async_client(url: str, *, max_connections: int = 64, socket_timeout_s: float = _SOCKET_S) -> redis.asyncio.Redis:
    """Return a client for one event loop; arguments as for `sync_client`."""
    options = _options(socket_timeout_s)
    if url.startswith("sentinel://"):
        sentinels, master, extra = _parse_sentinel_url(url)
        client: redis.asyncio.Redis = redis.asyncio.sentinel.Sentinel(sentinels, **options, **extra).master_for(
            master, redis_class=_AsyncMaster
        )
        return client
    pool: redis.asyncio.BlockingConnectionPool = redis.asyncio.BlockingConnectionPool.from_url(
        url, max_connections=max_connections, timeout=socket_timeout_s, **_supported_options(url, options)
    )
    return redis.asyncio.Redis.from_pool(pool)


def _options(socket_timeout_s: float) -> dict[str, Any]:
    # Callers decide about retries: the client's own retries would hide an outage from them.
    return {
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": _CONNECT_S,
        "socket_keepalive": True,
        "health_check_interval": 0,
        "retry": Retry(NoBackoff(), 0),
    }


def _supported_options(url: str, options: dict[str, Any]) -> dict[str, Any]:
    if url.startswith("unix://"):
        return {key: value for key, value in options.items() if key != "socket_keepalive"}
    return options


def _parse_sentinel_url(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    sentinels = [(host.rpartition(":")[0] or host, int(host.rpartition(":")[2] or 26379)) for host in hosts]
    master, _, database = parts.path.strip("/").partition("/")
    extra: dict[str, Any] = {"db": int(database or 0)}
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if password:
        extra |= {"password": unquote(password), "username": unquote(user) or None}
    return sentinels, master, extra


async def server_time_ms(client: redis.asyncio.Redis) -> int:
    """Return the time of the Redis server, in milliseconds since the epoch, for comparison across hosts.

    Raises:
        redis.exceptions.RedisError: Redis is unavailable.
    """
    seconds, microseconds = await client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
