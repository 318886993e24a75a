"""Threads with their own event loop, for loops that must not be delayed by stages."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog

log = structlog.get_logger(__name__)

#: Seconds that all threads have to finish after a stop was requested.
STOP_S = 5.0
#: Seconds before a loop that crashed is started again.
RESTART_S = 1.0

#: Runs until its event is set.
Loop = Callable[[asyncio.Event], Awaitable[None]]


class BackgroundThread(threading.Thread):
    """Runs several loops until each is stopped. A loop that crashes is logged and restarted."""

    def __init__(self, name: str, loops: Mapping[str, Loop]) -> None:
        """Prepare the thread; its name and those of the loops appear in logs."""
        super().__init__(name=name, daemon=True)
        self._loops = dict(loops)
        self._ready = threading.Event()

    def run(self) -> None:
        """Run the loops; the thread calls this itself."""
        asyncio.run(self._run_all())

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Request that the loops of these names stop, all of them by default, without waiting for them."""
        self._ready.wait(STOP_S)
        if self.is_alive():
            # The event loop may be closed between the two lines.
            with contextlib.suppress(RuntimeError):
                self._event_loop.call_soon_threadsafe(self._set, list(self._loops if names is None else names))

    def _set(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._stopped:
                self._stopped[name].set()

    async def _run_all(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._stopped = {name: asyncio.Event() for name in self._loops}
        self._ready.set()
        await asyncio.gather(*(self._run_loop(name, loop) for name, loop in self._loops.items()))

    async def _run_loop(self, name: str, loop: Loop) -> None:
        stopped = self._stopped[name]
        while not stopped.is_set():
            try:
                await loop(stopped)
            except Exception:
                log.exception("loop_crashed", loop=name)
                await wait_or_stop(stopped, RESTART_S)


def stop_all(threads: Iterable[BackgroundThread]) -> None:
    """Stop threads and wait for them, `STOP_S` seconds altogether."""
    threads = list(threads)
    for thread in threads:
        thread.stop()
    deadline = time.monotonic() + STOP_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            log.warning("thread_not_stopped", thread=thread.name)


async def wait_or_stop(stopped: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds`, or until `stopped` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stopped.wait()
    except TimeoutError:
        return
