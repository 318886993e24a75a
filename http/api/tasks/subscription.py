"""One listener's events, waiting to be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from api.tasks.sse import PING, RETRY, EventPosition, Frame

#: A listener that is slower than its task misses what lies between; never the end. Events.
MAX_WAITING = 16


class Subscription:
    """An asynchronous iterator over the bytes of one stream.

    Attributes:
        task_id: Whose events.
        sent_at: When something was handed out last, seconds of the loop's clock.
    """

    __slots__ = ("_ended", "_leave", "_loop", "_seen", "_waiter", "_waiting", "sent_at", "task_id")

    def __init__(self, task_id: str, leave: Callable[[Subscription], None]) -> None:
        """Listen to `task_id`; `leave` is called once, when the stream is closed."""
        self.task_id = task_id
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        # The answer's head waits for its first bytes. A list: an empty deque takes ten times its memory.
        self._waiting: list[bytes] = [RETRY]
        self._waiter: asyncio.Future[None] | None = None
        self._seen: EventPosition | None = None
        self._ended = False
        self.sent_at = self._loop.time()

    def offer(self, frame: Frame) -> None:
        """Hand an event on, unless it was seen or the stream ended."""
        if self._ended or (self._seen is not None and not frame.terminal and frame.repeats(self._seen)):
            return
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[0]
        self._seen, self._ended = frame.place, frame.terminal
        self._put(frame.data)

    def ping(self) -> None:
        """Send a comment, so that both sides notice if the other is gone."""
        if not self._waiting:
            self._put(PING)

    def finish(self) -> None:
        """End the stream; the listener is asked to come back."""
        if not self._ended:
            self._ended = True
            self._put(RETRY)

    def __aiter__(self) -> Self:
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next bytes to send."""
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
        """Stop listening."""
        self._ended = True
        self._leave(self)

    def _put(self, data: bytes) -> None:
        self._waiting.append(data)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
