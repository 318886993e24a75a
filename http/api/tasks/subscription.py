"""The queue of one event stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from api.tasks.sse import PING, RETRY, EventPosition, Frame
from api.tasks.stream_limits import StreamLimits, StreamSubject

#: Maximum number of queued events. A slow client misses intermediate events, never the terminal one.
MAX_WAITING = 16


class Subscription:
    """An asynchronous iterator over the bytes of one stream.

    Attributes:
        task_id: The task that is followed.
        sent_at: Time of the last bytes, in seconds of the event loop's clock.
    """

    __slots__ = (
        "_counted",
        "_ended",
        "_leave",
        "_limits",
        "_loop",
        "_seen",
        "_waiter",
        "_waiting",
        "sent_at",
        "task_id",
    )

    def __init__(self, task_id: str, leave: Callable[[Subscription], None], limits: StreamLimits) -> None:
        """Follow `task_id`; closing the stream calls `leave` and releases what it counts for in `limits`."""
        self.task_id = task_id
        self._limits = limits
        self._counted: list[tuple[StreamSubject, str]] = []
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        # The response head is sent with the first bytes. A list: an empty deque takes ten times its memory.
        self._waiting: list[bytes] = [RETRY]
        self._waiter: asyncio.Future[None] | None = None
        self._seen: EventPosition | None = None
        self._ended = False
        self.sent_at = self._loop.time()

    def count(self, subject: StreamSubject, name: str) -> None:
        """Count the stream for `subject` until it is closed.

        Raises:
            Problem: 429: too many streams are open.
        """
        self._limits.take(subject, name)
        self._counted.append((subject, name))

    def offer(self, frame: Frame) -> None:
        """Queue an event, unless it is superfluous or the stream has ended."""
        if self._ended or (self._seen is not None and not frame.terminal and frame.repeats(self._seen)):
            return
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[0]
        self._seen, self._ended = frame.position, frame.terminal
        self._queue(frame.data)

    def ping(self) -> None:
        """Queue a comment, so that both sides detect a lost connection."""
        if not self._waiting:
            self._queue(PING)

    def finish(self) -> None:
        """End the stream with a hint to reconnect."""
        if not self._ended:
            self._ended = True
            self._queue(RETRY)

    def __aiter__(self) -> Self:
        """Return the subscription itself."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for events and return their bytes."""
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._waiter = self._loop.create_future()
            await self._waiter
        self.sent_at = self._loop.time()
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data

    async def close(self) -> None:
        """End the stream and leave the hub."""
        self._ended = True
        while self._counted:
            self._limits.release(*self._counted.pop())
        self._leave(self)

    def _queue(self, data: bytes) -> None:
        self._waiting.append(data)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
