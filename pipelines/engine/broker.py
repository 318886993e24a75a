"""The Redis broker: consumers are woken, messages of jobs are enqueued once, queues have limits of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
import redis.exceptions
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis, dq_name
from dramatiq.middleware import Middleware

from pipelines.engine.consumer import WAIT_S, Consumer
from pipelines.engine.places import Places
from providers.redis_clients import sync_client
from schemas import keys
from schemas.errors import Unavailable
from schemas.job import Job

#: Milliseconds without a heartbeat after which a worker's messages no longer count as being worked on.
HEARTBEAT_TIMEOUT_MS = 15_000

# A message of a job is enqueued once, however often its sender tries: the reply to the first attempt may have been
# lost. Where the job's newest message is, is written down for the janitor.
_ENQUEUE_ONCE = """
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 1 then
  redis.call('RPUSH', KEYS[1], ARGV[1])
end
if tonumber(ARGV[4]) >= tonumber(redis.call('HGET', KEYS[3], 'at_token') or '0') then
  redis.call('HSET', KEYS[3], 'at', ARGV[3] .. '|' .. ARGV[1], 'at_token', ARGV[4])
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
"""

# Whether the newest message of a job still lies in its queue, in nobody's hands.
_IS_QUEUED = """
local at = redis.call('HMGET', KEYS[1], 'at', 'at_token')
if not at[1] or at[2] ~= ARGV[1] then return 0 end
local queue, id = string.match(at[1], '^([^|]*)|(.*)$')
if redis.call('HEXISTS', ARGV[2] .. ':' .. queue .. '.msgs', id) == 0 then return 0 end
for _, worker in ipairs(redis.call('ZRANGE', ARGV[2] .. ':__heartbeats__', 0, -1)) do
  if redis.call('SISMEMBER', ARGV[2] .. ':__acks__.' .. worker .. '.' .. queue, id) == 1 then return 0 end
end
return 1
"""

# Forgets the messages that dead workers held. Jobs come back through their leases, never through Dramatiq's own
# redelivery: one job must not come back twice.
_BURY_WORKERS = """
local dead = redis.call('ZRANGEBYSCORE', ARGV[1] .. ':__heartbeats__', 0, ARGV[2])
for _, worker in ipairs(dead) do
  for i = 3, #ARGV do
    local acks = ARGV[1] .. ':__acks__.' .. worker .. '.' .. ARGV[i]
    for _, id in ipairs(redis.call('SMEMBERS', acks)) do
      redis.call('HDEL', ARGV[1] .. ':' .. ARGV[i] .. '.msgs', id)
    end
    redis.call('DEL', acks)
  end
  redis.call('ZREM', ARGV[1] .. ':__heartbeats__', worker)
end
return #dead
"""


class QueueUnreachable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "queue_unreachable"


class Broker(RedisBroker):
    """Dramatiq's Redis broker with the four changes above; its queues are laid out as Dramatiq lays them out."""

    def __init__(self, url: str, *, limits: Mapping[str, int], middleware: list[Middleware]) -> None:
        """Prepare the broker; it connects on first use.

        Args:
            url: The Redis to use.
            limits: The most jobs that one worker process has in hand at each queue.
            middleware: All middleware.
        """
        self.limits = dict(limits)
        #: Where the jobs in hand are.
        self.places = Places(limits)
        self._waiting = sync_client(url, max_connections=4 * len(limits) + 4, socket_timeout_s=WAIT_S + 5)
        super().__init__(
            client=sync_client(url, max_connections=32, socket_timeout_s=5.0),
            middleware=middleware,
            namespace=keys.BROKER_NAMESPACE,
            maintenance_chance=0,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        )
        self._enqueue_once = self.client.register_script(_ENQUEUE_ONCE)
        self._is_queued = self.client.register_script(_IS_QUEUED)
        self._bury_workers = self.client.register_script(_BURY_WORKERS)

    @property
    def consumer_class(self) -> type[Consumer]:
        """The consumer that is woken."""
        return Consumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """A consumer of a queue that takes no more than the queue has places."""
        if queue_name in self.limits:
            self.places.open(queue_name)
        return Consumer(self, queue_name, prefetch, timeout)

    def wait_for_message(self, queue_name: str, timeout_s: int) -> None:
        """Return when the queue has a message, or after `timeout_s` seconds."""
        queue = f"{self.namespace}:{queue_name}"
        self._waiting.blmove(queue, queue, timeout_s, "LEFT", "LEFT")

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message, a job's message only once; `delay` in milliseconds.

        Raises:
            redis.exceptions.RedisError: It may or may not be enqueued; trying again is safe for a job's message.
        """
        if "job_message_id" not in message.options:
            return super().enqueue(message, delay=delay)
        queue_name = message.queue_name
        options: dict[str, Any] = {"redis_message_id": message.options["job_message_id"]}
        if delay:
            queue_name = dq_name(queue_name)
            options["eta"] = current_millis() + delay
        message = message.copy(queue_name=queue_name, options=options)
        queue = f"{self.namespace}:{queue_name}"
        script_keys = [queue, f"{queue}.msgs", keys.job(message.options["task_id"])]
        arguments = [
            options["redis_message_id"], message.encode(), queue_name, message.options["token"], keys.JOB_TTL_S,
        ]  # fmt: skip
        self._enqueue_once(keys=script_keys, args=arguments)
        return message

    def is_queued(self, task_id: str, token: int) -> bool:
        """Whether the job's newest message lies in a queue, in nobody's hands.

        Raises:
            QueueUnreachable: Redis can't be reached.
        """
        try:
            return bool(self._is_queued(keys=[keys.job(task_id)], args=[token, self.namespace]))
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"looking for a message: {type(error).__name__}") from error

    def bury_dead_workers(self) -> int:
        """Forget what workers without a heartbeat held; returns how many there were.

        Raises:
            QueueUnreachable: Redis can't be reached.
        """
        queues = [name for queue in self.limits for name in (queue, dq_name(queue))]
        horizon = current_millis() - 4 * self.heartbeat_timeout
        try:
            return int(self._bury_workers(args=[self.namespace, horizon, *queues]))
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"looking for dead workers: {type(error).__name__}") from error

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self.client.close()
        self._waiting.close()


def job_message(stage: str, job: Job) -> Message[Any]:
    """The message that brings a job to a stage. Its id says which delivery of which attempt it is."""
    return Message(
        queue_name=stage,
        actor_name=stage,
        args=(job.model_dump(mode="json", exclude_defaults=True),),
        kwargs={},
        options=message_options(stage, job),
    )


def message_options(stage: str, job: Job) -> dict[str, Any]:
    """What the broker must know of a job's message."""
    return {
        "task_id": job.task_id,
        "token": job.token,
        "job_message_id": message_id(stage, job),
    }


def message_id(stage: str, job: Job) -> str:
    """Which delivery of which attempt of the stage it is."""
    return f"{job.task_id}:{job.token}:{stage}:{job.attempt}.{job.delivery}"
