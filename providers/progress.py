"""What subscribers see of a task: published as it happens, and kept for those who come late."""

from __future__ import annotations

import time

import redis.asyncio
import redis.exceptions

from schemas import keys
from schemas.errors import Unavailable
from schemas.progress import Progress, channel

# A Lua function, for scripts in which it is one step of several. Numbers the event, keeps it and publishes it. Nothing
# follows a terminal event of the same run, whoever sends it: a worker that lost its job may still believe in it. Within
# an attempt progress never goes down.
PUBLISH = """
local function publish(key, channel, text, ttl, terminal)
  local old = redis.call('HMGET', key, 'run', 'attempt', 'progress', 'terminal', 'seq')
  local event = cjson.decode(text)
  local run, attempt = tonumber(old[1] or '0'), tonumber(old[2] or '0')
  if event.run < run then return 0 end
  if event.run == run then
    if old[4] == '1' or event.attempt < attempt then return 0 end
    if event.attempt == attempt and event.progress < tonumber(old[3]) then event.progress = tonumber(old[3]) end
  end
  event.seq = tonumber(old[5] or '0') + 1
  text = cjson.encode(event)
  redis.call('HSET', key, 'run', event.run, 'attempt', event.attempt, 'progress', event.progress,
             'terminal', terminal, 'seq', event.seq, 'event', text)
  redis.call('EXPIRE', key, ttl)
  redis.call('PUBLISH', channel, text)
  return event.seq
end
"""
_PUBLISH = PUBLISH + "return publish(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])"


def as_text(event: Progress) -> str:
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
    """Publishes and remembers progress events."""

    def __init__(self, client: redis.asyncio.Redis, *, ttl_s: int) -> None:
        """Use `client`; the latest event of a task can be read for `ttl_s` seconds."""
        self._client = client
        self._ttl_s = ttl_s
        self._publish = client.register_script(_PUBLISH)

    async def publish(self, event: Progress) -> bool:
        """Publish and keep `event`; false if something newer or final was said already.

        Raises:
            ProgressUnavailable: Redis can't be reached.
        """
        try:
            seq = await self._publish(
                keys=[keys.progress(event.task_id), channel(event.task_id)],
                args=[as_text(event), self._ttl_s, int(event.status.terminal)],
            )
        except redis.exceptions.RedisError as error:
            raise ProgressUnavailable(f"publishing progress: {type(error).__name__}") from error
        return bool(seq)

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
