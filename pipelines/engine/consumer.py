"""A consumer that is woken by the message instead of looking for it.

Dramatiq's own polls with a back-off of up to a second. This one blocks in Redis on a move of the queue onto itself,
which wakes every waiting consumer and takes nothing; what is taken is still taken by Dramatiq's own script.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import redis.exceptions
from dramatiq.brokers.redis import _RedisConsumer
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dramatiq import MessageProxy

    from pipelines.engine.broker import Broker

#: Seconds a consumer blocks at most; its fetch in between is also the worker's heartbeat.
WAIT_S = 2
#: Seconds between looks at a queue of delayed messages, which nobody needs at once.
DELAY_POLL_S = 0.5


class Consumer(_RedisConsumer):
    """Takes messages of one queue, never more at a time than the queue has places."""

    broker: Broker

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._delayed = self.queue_name.endswith(".DQ")
        self._etas: dict[str, int] = {}

    def __next__(self) -> MessageProxy | None:
        try:
            message = self._take()
            if message is None:
                self._wait()
        except redis.exceptions.RedisError as error:
            raise ConnectionClosed(error) from None
        return message

    def ack(self, message: MessageProxy) -> None:
        """Forget a message that was seen to; its place is free if no job has it."""
        super().ack(message)
        self._forget(message)

    def nack(self, message: MessageProxy) -> None:
        """Move a message to the dead letters; its place is free."""
        super().nack(message)
        self._forget(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give back what was taken and not begun.

        Raises:
            ConnectionClosed: Redis is away; the jobs' leases bring them back. Dramatiq's own consumer raises an error
                that Dramatiq's worker does not expect, and its process would never end.
        """
        try:
            super().requeue(messages)
            for message in messages:
                self.broker.places.forget(message.options["redis_message_id"])
        except redis.exceptions.RedisError as error:
            raise ConnectionClosed(error) from None

    def _forget(self, message: MessageProxy) -> None:
        self._etas.pop(message.message_id, None)
        self.broker.places.forget(message.options["redis_message_id"])

    def _take(self) -> MessageProxy | None:
        if not self.message_cache:
            free = self._free()
            if free > 0:
                self.message_cache = self.broker.do_fetch(self.queue_name, free)
        # A message whose data is gone was finished by somebody else.
        self.message_cache = [data for data in self.message_cache if data is not None]
        if not self.message_cache:
            return None
        message: MessageProxy = super().__next__()
        if self._delayed:
            self._etas[message.message_id] = message.options.get("eta", 0)
        else:
            self.broker.places.enter(message.options["redis_message_id"], self.queue_name)
        return message

    def _free(self) -> int:
        if self._delayed:
            return int(self.prefetch - self.outstanding_message_count)
        return self.broker.places.room(self.queue_name)

    def _wait(self) -> None:
        if self._delayed:
            # The thread behind this consumer hands on what is due each time this returns.
            due = min(self._etas.values(), default=0) - current_millis()
            time.sleep(min(DELAY_POLL_S, max(due / 1000, 0.005)) if self._etas else DELAY_POLL_S)
        elif self._free() <= 0:
            self.broker.places.wait_for_room(self.queue_name, WAIT_S)
        else:
            self.broker.wait_for_message(self.queue_name, WAIT_S)
