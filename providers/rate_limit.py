"""Rate limit of HTTP calls, counted in Redis across all processes.

| key | type | content | lifetime |
|---|---|---|---|
| `darkroom:limit:http:{name}:{minute}` | string | calls of one caller in one minute | 2 minutes |
"""

from __future__ import annotations

import asyncio
import math
import time

import redis.asyncio
import redis.exceptions
import structlog

WINDOW_S = 60
#: Seconds for counting a call; after that it is allowed, and the call itself reports that Redis is unavailable.
DEADLINE_S = 0.25

log = structlog.get_logger(__name__)


class RateLimit:
    """Sliding-window limit: calls of the previous minute count in proportion to its overlap with the window."""

    def __init__(self, client: redis.asyncio.Redis, *, per_minute: int) -> None:
        """Allow `per_minute` calls per name, counted through `client`."""
        self._client = client
        self._per_minute = per_minute

    async def retry_after(self, name: str) -> int:
        """Count one call and return the seconds to wait; 0 if it is allowed or Redis is unavailable."""
        now = time.time()
        minute, elapsed_s = divmod(now, WINDOW_S)
        try:
            async with asyncio.timeout(DEADLINE_S):
                current, previous = await self._count(name, int(minute))
        except (redis.exceptions.RedisError, TimeoutError) as error:
            log.warning("rate_limit_unavailable", error=type(error).__name__)
            return 0
        if current + previous * (1 - elapsed_s / WINDOW_S) <= self._per_minute:
            return 0
        return max(1, math.ceil(WINDOW_S - elapsed_s))

    async def _count(self, name: str, minute: int) -> tuple[int, int]:
        key = f"darkroom:limit:http:{name}"
        pipeline = self._client.pipeline(transaction=False)
        pipeline.incr(f"{key}:{minute}")
        pipeline.expire(f"{key}:{minute}", 2 * WINDOW_S)
        pipeline.get(f"{key}:{minute - 1}")
        current, _, previous = await pipeline.execute()
        return int(current), int(previous or 0)
