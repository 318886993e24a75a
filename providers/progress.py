"""What subscribers see of a task: published as it happens, and kept for those who come late."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import redis.asyncio
import redis.exceptions
import structlog

from schemas import keys
from schemas.errors import Unavailable
from schemas.progress import Progress, channel

log = structlog.get_logger(__name__)

# Numbers the event, keeps it and publishes it. Nothing follows a terminal event of the same run, whoever sends it: a
# worker that lost its job may still believe in it. Within an attempt progress never goes down.
_PUBLISH = """
local old = redis.call('HMGET', KEYS[1], 'run', 'attempt', 'progress', 'terminal', 'seq')
local event = cjson.decode(ARGV[1])
local run, attempt = tonumber(old[1] or '0'), tonumber(old[2] or '0')
if event.run < run then return 0 end
if event.run == run then
  if old[4] == '1' or event.attempt < attempt then return 0 end
  if event.attempt == attempt and event.progress < tonumber(old[3]) then event.progress = tonumber(old[3]) end
end
event.seq = tonumber(old[5] or '0') + 1
local text = cjson.encode(event)
redis.call('HSET', KEYS[1], 'run', event.run, 'attempt', event.attempt, 'progress', event.progress,
           'terminal', ARGV[3], 'seq', event.seq, 'event', text)
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[2], text)
return event.seq
"""


def _as_text(event: Progress) -> str:
    """The event as its script takes it: JSON, with the time."""
    if not event.at:
        event = event.model_copy(update={"at": round(time.time(), 3)})
    # An empty list would come out of Redis' JSON as an object.
    return event.model_dump_json(
        exclude_none=True, exclude={"seq"} | ({"result_urls"} if not event.result_urls else set())
    )


class ProgressUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "progress_unavailable"


class ProgressLog:
    """Publishes and remembers progress events, in the order in which they came; belongs to one event loop.

    What comes while Redis answers goes out together with the next: many jobs share a round trip.
    """

    def __init__(self, client: redis.asyncio.Redis, *, ttl_s: int) -> None:
        """Use `client`; the latest event of a task can be read for `ttl_s` seconds."""
        self._client = client
        self._ttl_s = ttl_s
        self._waiting: list[tuple[Progress, asyncio.Future[bool] | None]] = []
        self._sender: asyncio.Task[None] | None = None

    def post(self, event: Progress) -> None:
        """Publish and keep `event` soon. While Redis is away it is left out: the next one says more."""
        self._add(event, None)

    async def publish(self, event: Progress) -> bool:
        """Publish and keep `event`; false if something newer or final was said already.

        Raises:
            ProgressUnavailable: Redis can't be reached.
        """
        said: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._add(event, said)
        return await said

    async def latest(self, task_id: str) -> Progress | None:
        """The latest event of a task, if it is remembered.

        Raises:
            ProgressUnavailable: Redis can't be reached.
        """
        try:
            text = await self._client.hget(keys.progress(task_id), "event")
        except redis.exceptions.RedisError as error:
            raise ProgressUnavailable(f"reading progress: {type(error).__name__}") from error
        return Progress.model_validate_json(text) if text else None

    async def aclose(self) -> None:
        """Send what is left; the client stays its owner's to close."""
        if self._sender:
            await self._sender

    def _add(self, event: Progress, said: asyncio.Future[bool] | None) -> None:
        self._waiting.append((event, said))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            found = await self._send_batch([event for event, _ in batch])
            failed = [seq for seq in found if isinstance(seq, Exception)]
            if failed:
                log.warning("progress_not_published", events=len(failed), error=type(failed[0]).__name__)
            for (_, said), seq in zip(batch, found, strict=True):
                if said is None or said.done():
                    continue
                if isinstance(seq, Exception):
                    said.set_exception(ProgressUnavailable(f"publishing progress: {type(seq).__name__}"))
                else:
                    said.set_result(bool(seq))

    async def _send_batch(self, events: list[Progress]) -> list[Any]:
        """What the script said of each event, or why that is not known."""
        pipeline = self._client.pipeline(transaction=False)
        for event in events:
            names = keys.progress(event.task_id), channel(event.task_id)
            pipeline.eval(_PUBLISH, 2, *names, _as_text(event), str(self._ttl_s), str(int(event.status.terminal)))
        try:
            return await pipeline.execute(raise_on_error=False)
        except (redis.exceptions.RedisError, OSError) as error:
            return [error] * len(events)
