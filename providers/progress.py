"""Progress events of tasks: published to subscribers, and the latest one stored for late subscribers."""

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

# Number, store and publish the event. Drop events after a terminal event of the same run: a worker that lost its lease
# may still send some. Within an attempt progress never decreases.
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


def _serialize(event: Progress) -> str:
    """Return the event as JSON for the script, with its time."""
    if not event.at:
        event = event.model_copy(update={"at": round(time.time(), 3)})
    # Redis' JSON library would encode an empty list as an object.
    return event.model_dump_json(
        exclude_none=True, exclude={"seq"} | ({"result_urls"} if not event.result_urls else set())
    )


class ProgressUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "progress_unavailable"


class ProgressLog:
    """Publishes and stores progress events in the order of arrival; belongs to one event loop.

    Events that arrive during a round trip are sent together in the next one.
    """

    def __init__(self, client: redis.asyncio.Redis, *, ttl_s: int) -> None:
        """Use `client`; the latest event of a task can be read for `ttl_s` seconds."""
        self._client = client
        self._ttl_s = ttl_s
        self._pending: list[tuple[Progress, asyncio.Future[bool] | None]] = []
        self._sender: asyncio.Task[None] | None = None

    def post(self, event: Progress) -> None:
        """Publish and store `event` in the background; drop it while Redis is unavailable."""
        self._add(event, None)

    async def publish(self, event: Progress) -> bool:
        """Publish and store `event`; return false if a newer or terminal event precedes it.

        Raises:
            ProgressUnavailable: Redis is unavailable.
        """
        published: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._add(event, published)
        return await published

    async def latest(self, task_id: str) -> Progress | None:
        """Return the latest event of a task, or None if none is stored.

        Raises:
            ProgressUnavailable: Redis is unavailable.
        """
        try:
            text = await self._client.hget(keys.progress(task_id), "event")
        except redis.exceptions.RedisError as error:
            raise ProgressUnavailable(f"reading progress: {type(error).__name__}") from error
        return Progress.model_validate_json(text) if text else None

    async def aclose(self) -> None:
        """Send the remaining events; the owner of the client closes it."""
        if self._sender:
            await self._sender

    def _add(self, event: Progress, published: asyncio.Future[bool] | None) -> None:
        self._pending.append((event, published))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            results = await self._send_batch([event for event, _ in batch])
            failed = [seq for seq in results if isinstance(seq, Exception)]
            if failed:
                log.warning("progress_not_published", events=len(failed), error=type(failed[0]).__name__)
            for (_, published), seq in zip(batch, results, strict=True):
                if published is None or published.done():
                    continue
                if isinstance(seq, Exception):
                    published.set_exception(ProgressUnavailable(f"publishing progress: {type(seq).__name__}"))
                else:
                    published.set_result(bool(seq))

    async def _send_batch(self, events: list[Progress]) -> list[Any]:
        """Return the script's result for each event, or the exception that hid it."""
        pipeline = self._client.pipeline(transaction=False)
        for event in events:
            names = keys.progress(event.task_id), channel(event.task_id)
            pipeline.eval(_PUBLISH, 2, *names, _serialize(event), str(self._ttl_s), str(int(event.status.terminal)))
        try:
            return await pipeline.execute(raise_on_error=False)
        except (redis.exceptions.RedisError, OSError) as error:
            return [error] * len(events)
