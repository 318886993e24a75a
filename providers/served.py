"""Products that the running workers can make, announced to all processes through Redis.

| key | type | content | lifetime |
|---|---|---|---|
| `darkroom:served` | sorted set | `{worker}:{product}` by announcement time (of Redis), ms | `ANNOUNCEMENT_TTL_S` |

Only workers that run generations announce. A worker that can make no product announces `{worker}:`.
"""

from __future__ import annotations

import time
from collections.abc import Collection

import redis.asyncio

from providers.redis_clients import server_time_ms
from schemas.common import Product

KEY = "darkroom:served"
#: Seconds between a worker's announcements, and seconds after which an announcement expires.
ANNOUNCE_INTERVAL_S = 5.0
ANNOUNCEMENT_TTL_S = 30.0
#: Seconds for which a read is cached.
CACHE_S = 1.0


class ServedProducts:
    """Announcements of the running workers."""

    def __init__(self, client: redis.asyncio.Redis, own: Collection[Product] | None = None) -> None:
        """Read and write through `client`.

        Args:
            client: Redis client; its owner closes it.
            own: Products that this process makes; None if it runs no generations.
        """
        self._client = client
        self._own = own
        self._read_at = -CACHE_S
        self._cached: dict[Product, int] | None = None

    async def announce(self, worker: str, products: Collection[Product]) -> None:
        """Announce that `worker` makes `products`, and remove expired announcements.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        now = await server_time_ms(self._client)
        members = [f"{worker}:{product}" for product in products] or [f"{worker}:"]
        async with self._client.pipeline() as pipe:
            pipe.zadd(KEY, dict.fromkeys(members, now))
            pipe.zremrangebyscore(KEY, 0, f"({now - ANNOUNCEMENT_TTL_S * 1000}")
            await pipe.execute()

    async def withdraw(self, worker: str) -> None:
        """Remove the announcements of `worker`.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable; the announcements expire after `ANNOUNCEMENT_TTL_S`.
        """
        await self._client.zrem(KEY, *(f"{worker}:{word}" for word in ("", *Product)))

    async def workers(self) -> dict[Product, int] | None:
        """Return how many running workers make each product; None if no worker runs generations.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        oldest = await server_time_ms(self._client) - ANNOUNCEMENT_TTL_S * 1000
        found = await self._client.zrangebyscore(KEY, oldest, "+inf")
        words = [(item.decode() if isinstance(item, bytes) else str(item)).rpartition(":")[2] for item in found]
        return {product: words.count(product) for product in Product} if words else None

    async def is_served(self, product: Product) -> bool:
        """Whether a worker can make `product`; also true while no worker is running: one may start.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        if self._own is not None and product in self._own:
            return True
        if time.monotonic() - self._read_at >= CACHE_S:
            self._cached = await self.workers()
            self._read_at = time.monotonic()
        if self._cached is None:
            return self._own is None
        return self._cached[product] > 0
