"""Dramatiq's Redis broker, with the changes that the package's docstring lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
import redis.exceptions
import structlog
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker, _scripts
from dramatiq.common import q_name
from dramatiq.middleware import Middleware

from pipelines.engine.dramatiq_redis.consumer import WAIT_S, Consumer, DelayConsumer
from pipelines.engine.dramatiq_redis.scripts import load_script
from pipelines.engine.slots import SlotPool
from providers.redis_clients import sync_client
from schemas import keys
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)

#: Milliseconds without a heartbeat after which the messages of a worker no longer count as being processed.
HEARTBEAT_TIMEOUT_MS = 15_000


class QueueUnreachable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "queue_unreachable"


class Broker(RedisBroker):
    """The broker. Its queues have the names and layout that Dramatiq gives them.

    Attributes:
        limits: Largest number of jobs that one worker process runs at each queue.
        slots: The slots of this process.
        held: Ids of the messages that this process has fetched and not acknowledged.
    """

    def __init__(self, url: str, *, limits: Mapping[str, int], middleware: list[Middleware]) -> None:
        """Prepare the broker; it connects on first use.

        Args:
            url: The Redis to use.
            limits: Largest number of jobs that one worker process runs at each queue.
            middleware: All middleware, outermost first.
        """
        self.limits = dict(limits)
        self.slots = SlotPool(limits)
        self._waiting = sync_client(url, max_connections=4 * len(limits) + 4, socket_timeout_s=WAIT_S + 5)
        super().__init__(
            client=sync_client(url, max_connections=32, socket_timeout_s=5.0),
            middleware=middleware,
            namespace=keys.BROKER_NAMESPACE,
            maintenance_chance=0,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        )
        self.held: set[str] = set()
        dispatch = load_script("server_time").encode() + _scripts["dispatch"]
        self.scripts["dispatch"] = self.client.register_script(dispatch)
        self._enqueue = self.client.register_script(load_script("enqueue"))
        self._move_due = self.client.register_script(load_script("move_due"))
        self._is_queued = self.client.register_script(load_script("is_queued"))
        self._forget_dead_workers = self.client.register_script(load_script("forget_dead_workers"))

    @property
    def consumer_class(self) -> type[Consumer]:
        """The class of the consumers that Redis wakes."""
        return Consumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer | DelayConsumer:
        """Return a consumer of the queue, or of its delayed messages where Dramatiq asks for its delay queue."""
        if q_name(queue_name) != queue_name:
            return DelayConsumer(self, queue_name, prefetch, timeout)
        if queue_name in self.limits:
            self.slots.open(queue_name)
        return Consumer(self, queue_name, prefetch, timeout)

    def wait_for_message(self, queue_name: str, timeout_s: int) -> None:
        """Return when the queue has a message, or after `timeout_s` seconds.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        queue = f"{self.namespace}:{queue_name}"
        self._waiting.blmove(queue, queue, timeout_s, "LEFT", "LEFT")

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message, to be processed after `delay` milliseconds; a job's message only once.

        Raises:
            redis.exceptions.RedisError: The message may or may not be enqueued; calling again is safe for a job's.
        """
        if "job_message_id" not in message.options and not delay:
            return super().enqueue(message)
        queue_name = message.queue_name
        message_id = message.options.get("job_message_id", message.message_id)
        message = message.copy(options={"redis_message_id": message_id})
        queue = f"{self.namespace}:{queue_name}"
        script_keys = [queue, f"{queue}.msgs", keys.delayed(queue_name)]
        arguments = [message_id, message.encode(), delay or 0]
        self._enqueue(keys=script_keys, args=arguments)
        return message

    def move_due(self, queue_name: str) -> float | None:
        """Move delayed messages that are due into their queue; return the seconds until the next is, None without one.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        next_ms = int(self._move_due(keys=[keys.delayed(queue_name), f"{self.namespace}:{queue_name}"]))
        return None if next_ms < 0 else next_ms / 1000

    def reclaim(self, queue_name: str) -> None:
        """Requeue messages that were fetched for this process by a command whose reply was lost.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        fetched: set[Any] = self.client.smembers(f"{self.namespace}:__acks__.{self.broker_id}.{queue_name}")
        lost = {message_id.decode() for message_id in fetched} - self.held
        if lost:
            log.warning("messages_reclaimed", queue=queue_name, count=len(lost))
            self.do_requeue(queue_name, *lost)

    def is_queued(self, message_id: str) -> bool:
        """Return whether a message is queued, delayed, or fetched by a live worker.

        Raises:
            QueueUnreachable: Redis is unavailable.
        """
        arguments = [message_id, self.namespace, self.heartbeat_timeout, *self.limits]
        try:
            return bool(self._is_queued(args=arguments))
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"looking for a message: {type(error).__name__}") from error

    def forget_dead_workers(self) -> int:
        """Delete the messages that dead workers had fetched; return the number of these workers.

        Raises:
            QueueUnreachable: Redis is unavailable.
        """
        try:
            return int(self._forget_dead_workers(args=[self.namespace, 4 * self.heartbeat_timeout, *self.limits]))
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"looking for dead workers: {type(error).__name__}") from error

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self.client.close()
        self._waiting.close()
