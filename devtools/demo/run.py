"""Send the tasks and follow each to its end."""

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

#: Timeout of the demo, seconds.
DEADLINE_S = 240.0
#: Timeout without any progress event, seconds: no worker is running.
SILENCE_S = 60.0


async def run(
    redis_url: str, service: Service, tasks: Sequence[DemoTask], console: Console, *, silence_s: float = SILENCE_S
) -> tuple[list[DemoTask], ProgressBars]:
    """Send and follow the tasks until all have ended or a timeout passes; return the tasks as sent, and the bars.

    Raises:
        CommandError: The service refused an order or a stream.
    """
    pushing = async_client(redis_url)
    try:
        async with service.client() as client:
            running = Run(
                client, pushing, tasks, ProgressBars([(task.title, task.sent_by) for task in tasks], console), silence_s
            )
            await running.follow_all()
            return running.sent, running.bars
    finally:
        await pushing.aclose()


class Run:
    """Send and follow all tasks concurrently.

    Attributes:
        sent: The tasks in order; orders over HTTP have their ids once the service accepted them.
        bars: The progress bars with the events of each task.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        pushing: redis.asyncio.Redis,
        tasks: Sequence[DemoTask],
        bars: ProgressBars,
        silence_s: float,
    ) -> None:
        """Order and follow with `client`, push with `pushing`."""
        self._client, self._pushing, self._silence_s = client, pushing, silence_s
        self.sent, self.bars = list(tasks), bars

    async def follow_all(self) -> None:
        """Send all tasks and follow them."""
        with self.bars, contextlib.suppress(TimeoutError):  # unfinished tasks are shown with their last state
            async with asyncio.timeout(DEADLINE_S), asyncio.timeout(self._silence_s) as silence:
                await asyncio.gather(*(self._send_and_follow(number, silence) for number in range(len(self.sent))))

    async def _send_and_follow(self, number: int, silence: asyncio.Timeout) -> None:
        task = self.sent[number]
        sent = await (order(self._client, task) if task.ordered else push(self._pushing, task))
        self.sent[number] = sent
        async for event in EventStream(self._client, sent.events_url).events():
            self.bars.show(number, event)
            silence.reschedule(asyncio.get_running_loop().time() + self._silence_s)
