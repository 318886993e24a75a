"""Many concurrent event streams, one per task, and the events that they receive."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.progress import Progress, Status

if TYPE_CHECKING:
    from providers.progress import ProgressLog

#: Progress events of each task before its end, percent.
STEPS = (10, 50, 90)
#: Events per second of all tasks together.
RATE = 250.0
#: Number of streams that are opened concurrently.
OPENING = 20


@dataclass
class Listener:
    """One open stream.

    Attributes:
        received: Arrival of each event by its progress, seconds of the monotonic clock.
        terminal: Number of terminal events.
        hinted: Whether the service sent a reconnection time after the snapshot.
    """

    task_id: str
    received: dict[int, float] = field(default_factory=dict)
    terminal: int = 0
    hinted: bool = False
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, port: int) -> None:
        """Read until the stream ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /tasks/{self.task_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        try:
            await self._read(reader)
        finally:
            self.opened.set()  # also after a refusal, so that `open_all` does not wait for it
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b"data: "):
                self._record(Progress.model_validate_json(line[6:]))
            elif line.startswith(b"retry: "):
                self.hinted = self.opened.is_set()
            elif line == b"0\r\n":
                break

    def _record(self, event: Progress) -> None:
        self.opened.set()
        if event.status is not Status.PENDING:
            self.received[event.progress] = time.monotonic()
        self.terminal += event.status.terminal


async def open_all(port: int, task_ids: list[str]) -> tuple[list[Listener], list[asyncio.Task[None]]]:
    """Open a stream for each task; return when each has received its snapshot."""
    listeners = [Listener(task_id) for task_id in task_ids]
    tasks: list[asyncio.Task[None]] = []
    for first in range(0, len(listeners), OPENING):
        batch = listeners[first : first + OPENING]
        tasks += [asyncio.create_task(listener.listen(port)) for listener in batch]
        await asyncio.gather(*(listener.opened.wait() for listener in batch))
    return listeners, tasks


async def publish_all(log: ProgressLog, listeners: list[Listener]) -> list[float]:
    """Publish all events of every task; return the latency of each event to its listener, milliseconds."""
    sent: dict[tuple[str, int], float] = {}
    started, number = time.monotonic(), 0
    for progress in (*STEPS, 100):
        status = Status.COMPLETED if progress == 100 else Status.PROCESSING  # noqa: PLR2004  percent
        for listener in listeners:
            await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))
            number += 1
            event = Progress(status=status, progress=progress, message=status.value, task_id=listener.task_id)
            sent[listener.task_id, progress] = time.monotonic()
            await log.publish(event)
    await asyncio.sleep(1.0)
    return [
        (listener.received.get(progress, float("inf")) - at) * 1000
        for listener in listeners
        for progress, at in ((progress, sent[listener.task_id, progress]) for progress in (*STEPS, 100))
    ]
