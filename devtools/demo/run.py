"""Sends the tasks, each its own way, and follows every one to its end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from commands.progress_bars import ProgressBars
from devtools.demo.event_stream import EventStream
from devtools.demo.send import order, push
from providers.redis_clients import async_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx
    import redis.asyncio
    from rich.console import Console

    from devtools.demo.service import Service
    from devtools.demo.task import DemoTask

#: However slow the machine is, the demo ends, seconds.
DEADLINE_S = 240.0
#: When nothing was said for longer, no worker is there, seconds.
SILENCE_S = 60.0


async def run(
    redis_url: str, service: Service, tasks: Sequence[DemoTask], console: Console, *, silence_s: float = SILENCE_S
) -> tuple[list[DemoTask], ProgressBars]:
    """Return when every task has ended, or when waiting longer makes no sense: the tasks as sent, and what was seen.

    Raises:
        CommandError: The service refused an order or a stream.
    """
    pushing = async_client(redis_url)
    try:
        async with service.client() as client:
            running = Run(
                client, pushing, tasks, ProgressBars([(task.title, task.sent_by) for task in tasks], console), silence_s
            )
            await running.to_the_end()
            return running.sent, running.bars
    finally:
        await pushing.aclose()


class Run:
    """All tasks side by side.

    Attributes:
        sent: The tasks in their order; those ordered over HTTP know their ids once they are taken.
        bars: The progress bars, and what they saw of each task.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        pushing: redis.asyncio.Redis,
        tasks: Sequence[DemoTask],
        bars: ProgressBars,
        silence_s: float,
    ) -> None:
        """Order and follow through `client`, push through `pushing`."""
        self._client, self._pushing, self._silence_s = client, pushing, silence_s
        self.sent, self.bars = list(tasks), bars

    async def to_the_end(self) -> None:
        """Send and follow."""
        with self.bars, contextlib.suppress(TimeoutError):  # what has not ended by then is shown as it is
            async with asyncio.timeout(DEADLINE_S), asyncio.timeout(self._silence_s) as silence:
                await asyncio.gather(*(self._one(number, silence) for number in range(len(self.sent))))

    async def _one(self, number: int, silence: asyncio.Timeout) -> None:
        task = self.sent[number]
        sent = await (order(self._client, task) if task.ordered else push(self._pushing, task))
        self.sent[number] = sent
        async for event in EventStream(self._client, sent.events_url).events():
            self.bars.show(number, event)
            silence.reschedule(asyncio.get_running_loop().time() + self._silence_s)
