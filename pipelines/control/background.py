"""Threads with an event loop of their own, for what must go on whatever the stages do."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

log = structlog.get_logger(__name__)

#: Seconds that all threads have to finish once they were told to stop.
STOP_S = 5.0


class BackgroundLoop(threading.Thread):
    """Runs `main(stopped)` on a loop of its own until `leave()`; a crash of `main` is logged and it starts again."""

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

    def leave(self) -> None:
        """Ask `main` to stop, without waiting for it."""
        self._ready.wait(STOP_S)
        if self.is_alive():
            # The loop may end between the two lines.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopped.set)

    async def _run(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        while not self._stopped.is_set():
            try:
                await self._main(self._stopped)
            except Exception:
                log.exception("thread_crashed", thread=self.name)
                await wait_or_stop(self._stopped, 1.0)


def stop_all(threads: Iterable[BackgroundLoop]) -> None:
    """Stop threads and wait for them, `STOP_S` seconds altogether."""
    threads = list(threads)
    for thread in threads:
        thread.leave()
    deadline = time.monotonic() + STOP_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            log.warning("thread_not_stopped", thread=thread.name)


async def wait_or_stop(stopped: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds`, or until `stopped`."""
    try:
        async with asyncio.timeout(seconds):
            await stopped.wait()
    except TimeoutError:
        return
