"""Threads with an event loop of their own, for what must go on whatever the stages do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

#: Seconds a loop's work may take to finish once it was told to stop.
STOP_S = 5.0


class LoopThread(threading.Thread):
    """Runs `main(stopped)` on a loop of its own until `stop()`; a crash of `main` is logged and it starts again."""

    def __init__(self, name: str, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        """Prepare the thread.

        Args:
            name: The thread's name, for logs.
            main: Runs until its event is set.
        """
        super().__init__(name=name, daemon=True)
        self._main = main
        self._ready = threading.Event()

    def run(self) -> None:
        """Run the loop (called by the thread itself)."""
        asyncio.run(self._run())

    def stop(self) -> None:
        """Ask `main` to stop, and wait for it."""
        self._ready.wait(STOP_S)
        if not self.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopped.set)
        self.join(STOP_S)

    async def _run(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        while not self._stopped.is_set():
            try:
                await self._main(self._stopped)
            except Exception:
                log.exception("thread_crashed", thread=self.name)
                await pause(self._stopped, 1.0)


async def pause(stopped: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds`, or until `stopped`."""
    try:
        async with asyncio.timeout(seconds):
            await stopped.wait()
    except TimeoutError:
        return
