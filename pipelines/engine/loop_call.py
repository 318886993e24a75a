"""A coroutine on a loop of another thread, awaited by this one.

Six of these make a job. Dramatiq's own `run_coroutine` takes two futures chained to each other and looks for
interrupts, of which we use none; this takes a lock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of `coroutine`, or its exception.

    Raises:
        RuntimeError: The loop is closed.
    """
    ended = threading.Lock()
    ended.acquire()
    tasks: list[asyncio.Task[T]] = []

    def start() -> None:
        task = loop.create_task(coroutine)
        task.add_done_callback(lambda _: ended.release())
        tasks.append(task)

    try:
        loop.call_soon_threadsafe(start)
    except RuntimeError:
        coroutine.close()
        raise
    ended.acquire()
    return tasks[0].result()
