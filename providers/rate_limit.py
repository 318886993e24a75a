"""How often somebody may call, counted in Redis for all processes together.

| key | type | what | lives |
|---|---|---|---|
| `darkroom:limit:http:{name}:{minute}` | string | calls of one caller in one minute | two minutes |
"""

from __future__ import annotations

import asyncio
import math
import time

import redis.asyncio
import redis.exceptions
import structlog

WINDOW_S = 60
#: A limit that can't be counted this fast is not counted, seconds: the call itself will say that Redis is away.
DEADLINE_S = 0.25

log = structlog.get_logger(__name__)


class RateLimit:
    """So many calls in any minute; calls of the minute before count for the share of it that is still in view."""

    def __init__(self, client: redis.asyncio.Redis, *, per_minute: int) -> None:
        """Allow `per_minute` calls of each name, counted through `client`."""
        self._client = client
        self._per_minute = per_minute

    async def retry_after(self, name: str) -> int:
        """Count one call; 0 if it is allowed, else the seconds to wait. Calls are allowed while Redis is away."""
        now = time.time()
        minute, into = divmod(now, WINDOW_S)
        try:
            async with asyncio.timeout(DEADLINE_S):
                current, before = await self._count(name, int(minute))
        except (redis.exceptions.RedisError, TimeoutError) as error:
            log.warning("rate_limit_unavailable", error=type(error).__name__)
            return 0
        if current + before * (1 - into / WINDOW_S) <= self._per_minute:
            return 0
        return max(1, math.ceil(WINDOW_S - into))

    async def _count(self, name: str, minute: int) -> tuple[int, int]:
        key = f"darkroom:limit:http:{name}"
        pipeline = self._client.pipeline(transaction=False)
        pipeline.incr(f"{key}:{minute}")
        pipeline.expire(f"{key}:{minute}", 2 * WINDOW_S)
        pipeline.get(f"{key}:{minute - 1}")
        current, _, before = await pipeline.execute()
        return int(current), int(before or 0)
