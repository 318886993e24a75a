"""Measures how much the workers have to do."""

from __future__ import annotations

import redis.asyncio

from pipelines.engine.dramatiq_redis.broker import HEARTBEAT_TIMEOUT_MS
from pipelines.engine.dramatiq_redis.scripts import load_script
from schemas import keys
from schemas.common import StageName

_STAGE_QUEUES = [f"{keys.BROKER_NAMESPACE}:{stage}" for stage in StageName]


class QueueLoad:
    """Counts live workers and the jobs that no worker has fetched yet."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        """Use `client`; the caller closes it."""
        self._script = client.register_script(load_script("queue_load"))

    async def measure(self) -> tuple[int, int]:
        """Return the number of live workers, and of the messages in the stages' queues.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        workers, backlog = await self._script(keys=[keys.HEARTBEATS, *_STAGE_QUEUES], args=[HEARTBEAT_TIMEOUT_MS])
        return int(workers), int(backlog)
