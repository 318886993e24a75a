"""Scratch storage in Redis, for workers on several machines.

Keys:
    `darkroom:scratch:{task_id}`: hash of file name to bytes. Expires `ttl_s` after the last write.
    `darkroom:scratch-written`: sorted set, task id → time of its last write (seconds, the server's clock), so that
        a purge need not scan the key space. Deleting or purging a task removes its entry.
    `darkroom:scratch-probe`: empty string, expires after 1 ms. Checks that Redis accepts writes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from providers.scratch.names import checked_name, checked_task_id
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

_PREFIX = "darkroom:scratch:"
_WRITTEN = "darkroom:scratch-written"
_PROBE = "darkroom:scratch-probe"


class RedisScratch:
    """Stores the files of a task in one hash with a time to live."""

    def __init__(self, client: Redis, ttl_s: int) -> None:
        """Use `client`, which returns bytes and is closed by its owner; expire tasks after `ttl_s` seconds."""
        self._redis: Any = client
        self._ttl_s = ttl_s

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:  # noqa: ARG002  every write is durable
        """See `Scratch.write`."""
        task_id, rest = checked_name(name)
        async with _translate_errors():
            now = (await self._redis.time())[0]
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(_PREFIX + task_id, rest, data)
                pipe.expire(_PREFIX + task_id, self._ttl_s)
                pipe.zadd(_WRITTEN, {task_id: now})
                await pipe.execute()

    async def probe(self) -> None:
        """See `Scratch.probe`. Redis at its memory limit refuses the write."""
        async with _translate_errors():
            await self._redis.set(_PROBE, b"", px=1)

    async def read(self, name: str) -> bytes:
        """See `Scratch.read`."""
        task_id, rest = checked_name(name)
        async with _translate_errors():
            data: bytes | None = await self._redis.hget(_PREFIX + task_id, rest)
        if data is None:
            raise KeyError(name)
        return data

    def forget(self, name: str) -> None:
        """See `Scratch.forget`. The file is deleted with its task, which saves a round trip."""

    async def delete_task(self, task_id: str) -> None:
        """See `Scratch.delete_task`."""
        async with _translate_errors():
            await self._delete(checked_task_id(task_id))

    async def purge(self, older_than_s: float) -> int:
        """See `Scratch.purge`."""
        async with _translate_errors():
            now = (await self._redis.time())[0]
            stale = await self._redis.zrangebyscore(_WRITTEN, "-inf", f"({now - older_than_s}")
            for task_id in stale:
                await self._delete(task_id.decode())
        return len(stale)

    async def aclose(self) -> None:
        """Do nothing: the owner of the client closes it."""

    async def _delete(self, task_id: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.unlink(_PREFIX + task_id)
            pipe.zrem(_WRITTEN, task_id)
            await pipe.execute()


@contextlib.asynccontextmanager
async def _translate_errors() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable(f"Redis failed: {type(error).__name__}", code="scratch_unavailable") from error
