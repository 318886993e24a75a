"""Consumers that Redis wakes.

Dramatiq's own consumer polls with a back-off of up to a second. These block in Redis on a move of the queue's head onto
itself, which wakes every waiting consumer and removes nothing; messages are fetched by Dramatiq's own script.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import redis.exceptions
import structlog
from dramatiq import Message, MessageProxy
from dramatiq.brokers.redis import _RedisConsumer
from dramatiq.common import q_name
from dramatiq.errors import ConnectionClosed, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipelines.engine.dramatiq_redis.broker import Broker

log = structlog.get_logger(__name__)

#: Longest time a consumer blocks, seconds. Its fetch after that is also the worker's heartbeat.
WAIT_S = 2
#: Seconds between checks for delayed messages that are due.
DELAY_POLL_S = 0.5
#: Seconds between checks for fetched messages whose reply was lost.
RECLAIM_S = 10.0


class QuietMessage(MessageProxy):
    """A message that prints without its arguments: prompts and signed URLs must not be logged."""

    def __str__(self) -> str:
        """Return the actor and the message's id."""
        return f"{self.actor_name}({self.options.get('redis_message_id', self.message_id)})"

    def __repr__(self) -> str:
        """Return the same as `str`."""
        return f"<{type(self).__name__} {self}>"


class Consumer(_RedisConsumer):
    """Fetches messages of one queue, never more than the queue has free slots."""

    broker: Broker

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # Each connection error is followed by a new consumer, so the first check is immediate.
        self._reclaim_at = time.monotonic()

    def __next__(self) -> MessageProxy | None:
        try:
            if not self.message_cache and time.monotonic() >= self._reclaim_at:
                self.broker.reclaim(self.queue_name)
                self._reclaim_at = time.monotonic() + RECLAIM_S
            message = self._take()
            if message is None:
                self._wait()
        except redis.exceptions.RedisError as error:
            raise ConnectionClosed(error) from None
        return message

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge a message; free its slot unless its job has claimed it, even if Redis is unavailable.

        Raises:
            ConnectionClosed: Redis is unavailable. Dramatiq calls again.
        """
        self._finish(message, super().ack)

    def nack(self, message: MessageProxy) -> None:
        """Move a message to Dramatiq's dead letters; free its slot even if Redis is unavailable.

        Raises:
            ConnectionClosed: Redis is unavailable. Dramatiq calls again.
        """
        self._finish(message, super().nack)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Requeue messages that were fetched and not processed.

        Raises:
            ConnectionClosed: Redis is unavailable; the jobs are recovered. The error of Dramatiq's own consumer
                is one that Dramatiq's worker does not expect: its process would never end.
        """
        messages = list(messages)
        try:
            super().requeue(messages)
        except redis.exceptions.RedisError as error:
            raise ConnectionClosed(error) from None
        finally:
            for message in messages:
                self.broker.held.discard(message.options["redis_message_id"])
                self.broker.slots.release(message.options["redis_message_id"])

    def close(self) -> None:
        """Requeue messages that were fetched and not yet passed to Dramatiq.

        Raises:
            ConnectionClosed: As `requeue`.
        """
        messages, self.message_cache = self.message_cache, []
        self.requeue(messages)

    def _finish(self, message: MessageProxy, settle: Callable[[MessageProxy], None]) -> None:
        try:
            settle(message)
        except (redis.exceptions.RedisError, ConnectionClosed) as error:
            # Dramatiq's worker does not retry the timeouts that its own consumer raises.
            if not self.broker.slots.closed:
                raise ConnectionClosed(error) from None
            # A stopping worker can't wait for Redis. If the message is delivered again, its claim is refused.
            log.warning("message_not_acknowledged", queue=self.queue_name, error=type(error).__name__)
        finally:
            self.broker.slots.release(message.options["redis_message_id"])
        self.broker.held.discard(message.options["redis_message_id"])

    def _take(self) -> MessageProxy | None:
        # Messages that were fetched before the worker began to stop are requeued by `close`.
        free = self.broker.slots.free_slots(self.queue_name)
        if not self.message_cache and free > 0:
            self.message_cache = self._fetch(free)
        if not self.message_cache or self.broker.slots.closed:
            return None
        message: MessageProxy = self.message_cache.pop(0)
        self.broker.slots.reserve(message.options["redis_message_id"], self.queue_name)
        return message

    def _fetch(self, limit: int) -> list[QuietMessage]:
        messages = []
        for data in self.broker.do_fetch(self.queue_name, limit):
            # A message without data was acknowledged by another worker.
            if data is None:
                continue
            try:
                message = QuietMessage(Message.decode(data))
            except DecodeError:
                log.error("message_unreadable", queue=self.queue_name, size_bytes=len(data))  # noqa: TRY400  the traceback has its text
                continue
            self.broker.held.add(message.options["redis_message_id"])
            messages.append(message)
        return messages

    def _wait(self) -> None:
        if self.broker.slots.free_slots(self.queue_name) <= 0:
            self.broker.slots.wait_for_slot(self.queue_name, WAIT_S)
        else:
            self.broker.wait_for_message(self.queue_name, WAIT_S)


class DelayConsumer(_RedisConsumer):
    """Moves delayed messages into their queue when they are due. No worker holds them meanwhile."""

    broker: Broker

    def __next__(self) -> None:
        try:
            next_s = self.broker.move_due(q_name(self.queue_name))
        except redis.exceptions.RedisError as error:
            raise ConnectionClosed(error) from None
        time.sleep(DELAY_POLL_S if next_s is None else min(DELAY_POLL_S, max(next_s, 0.005)))
